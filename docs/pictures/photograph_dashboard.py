"""The picture in the README, of the runs below a folder.

``PYTHONPATH=tests python docs/pictures/photograph_dashboard.py FOLDER PICTURE``
"""

from __future__ import annotations

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from support.browser import PACKAGES, find, opened
from support.tensorboard_server import tensorboard

SIZE = (1180, 760)
NUM_COLOURS = 64


def photograph(folder: Path, picture: Path) -> None:
    """The page of custom scalars, once every chart in sight is drawn."""
    program = find()
    assert program, f"there is no Chromium; try apt-get install {PACKAGES[0]}"
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        tensorboard(folder, Path(scratch) / "log") as address,
        opened(program, Path(scratch), *SIZE) as (page, _, _),
    ):
        page.goto(f"{address}#custom_scalars")
        charts = page.locator("vz-line-chart2")
        charts.nth(1).wait_for()
        for chart in charts.all():
            chart.locator(".line").nth(2).wait_for(state="attached")  # a line for each run at least
        page.locator("#data-location").evaluate("each => each.remove()")  # a path of this machine
        shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    shot.quantize(NUM_COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    photograph(Path(sys.argv[1]), Path(sys.argv[2]))
