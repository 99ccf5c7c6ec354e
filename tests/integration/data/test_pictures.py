"""Pictures that would unpack to more than they should: refused by their headers, whichever way they come in."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from netyard import cli
from support.crafted_png import png


@pytest.fixture(autouse=True)
def every_format_is_loaded() -> None:
    Image.init()


def test_folders_and_predictions_go_the_same_way(train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (16, 16), (25 * number, 0, 0)).save(tmp_path / "pictures" / label / f"{number}.png")
    words = ("data=image_folder", f"data.root={tmp_path / 'pictures'}", "data.num_workers=0", "data.image_size=16")
    quick = ("model=cnn_tiny", "trainer=cpu", "trainer.max_epochs=1", "logger=none", "data.batch_size=4")
    ran = train(*words, *quick)
    assert ran.code == 0, ran.err
    (tmp_path / "bomb.png").write_bytes(png(12_000, 12_000))
    asked = ["predict", f"run={ran.path}", f"input={tmp_path / 'bomb.png'}", f"output={tmp_path / 'out.csv'}"]
    assert cli.main(asked) == 3
    assert "12000 x 12000 pixels" in capsys.readouterr().err
    (tmp_path / "pictures" / "cat" / "bomb.png").write_bytes(png(12_000, 12_000))
    ran = train(*words, *quick, path=tmp_path / "again")
    assert ran.code == 3 and "12000 x 12000 pixels" in ran.err
