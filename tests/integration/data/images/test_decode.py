"""Pictures that would unpack to more than they should: refused by their headers, whichever way they come in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from netyard.cli import main
from support.hostile_images import png


def test_folders_and_predictions_go_the_same_way(
    train, finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bomb.png").write_bytes(png(12_000, 12_000))
    asked = ["predict", f"run={finished('photos')}", f"input={tmp_path / 'bomb.png'}", f"output={tmp_path / 'out.csv'}"]
    assert main.main(asked) == 3
    assert "12000 x 12000 pixels" in capsys.readouterr().err
    folder = Path(shutil.copytree(finished.files / "photos", tmp_path / "photos"))
    shutil.copy(tmp_path / "bomb.png", next(each for each in sorted(folder.iterdir()) if each.is_dir()))
    words = ("data=image_folder", f"data.root={folder}", "data.num_workers=0", "data.image_size=16")
    ran = train(*words, "model=cnn_tiny", "trainer=cpu", "trainer.max_epochs=1", "logger=none", "data.batch_size=8")
    assert ran.code == 3 and "12000 x 12000 pixels" in ran.err
