"""The picture in the README: ``python tests/browser/photograph.py FOLDER PICTURE`` of the runs below a folder."""

from __future__ import annotations

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from chromium import ELEMENTS, Browser, find
from PIL import Image
from serving import tensorboard

SIZE = (1180, 760)
NUM_COLOURS = 64
# Every chart has a line for each run at least.
DRAWN = f"{ELEMENTS}('vz-line-chart2').every(each => (each.shadowRoot || each).querySelectorAll('.line').length >= 3)"


def photograph(folder: Path, picture: Path) -> None:
    """The page of custom scalars, once every chart in sight is drawn."""
    program = find()
    assert program, "there is no Chromium; try apt-get install chromium"
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        tensorboard(folder, Path(scratch) / "log") as address,
        Browser(program, Path(scratch), *SIZE) as browser,
    ):
        size = dict(zip(("width", "height"), SIZE, strict=True))
        browser.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)
        browser.open(f"{address}#custom_scalars")
        browser.wait(f"{ELEMENTS}('vz-line-chart2').length >= 2")
        browser.wait(DRAWN)
        browser.ask(f"{ELEMENTS}('#data-location').forEach(each => each.remove())")  # a path of this machine
        shot = Image.open(BytesIO(browser.picture())).convert("RGB")
    shot.quantize(NUM_COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    photograph(Path(sys.argv[1]), Path(sys.argv[2]))
