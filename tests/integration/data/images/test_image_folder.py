"""A damaged picture in a class folder is named, before training or after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.data.images import image_file_data
from netyard.data.images.inspection import Inspection
from netyard.errors import DataError
from support.image_folders import copy_part, folder


@pytest.mark.parametrize("num_workers", [0, 1])
def test_damaged_picture_is_named(picture_folder: Path, num_workers: int) -> None:
    victim = picture_folder / "bee" / "03.png"
    victim.write_bytes(victim.read_bytes()[:60])
    data = folder(picture_folder, num_workers=num_workers)
    with pytest.raises(DataError, match=r"^\S*/bee/03.png cannot be read as an image \(.*try data\.on_damaged=skip\.$"):
        for part in ("train", "val", "test"):
            list(getattr(data, f"{part}_dataloader")())


def test_a_bad_test_image_costs_a_trained_run_only_its_test(
    train, picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "parts"
    copy_part(picture_folder, root / "train", range(8))
    copy_part(picture_folder, root / "test", range(8, 12))
    victim = root / "test" / "bee" / "09.png"
    victim.write_bytes(victim.read_bytes()[:60])
    with monkeypatch.context() as unseen:  # as if the disk had failed meanwhile
        unseen.setattr(image_file_data, "inspect", lambda *_: Inspection({}, ""))
        ran = train(
            "model=cnn_tiny",
            "data=image_folder",
            f"data.root={root}",
            "data.image_size=16",
            "data.num_workers=0",
            "trainer=cpu",
            "trainer.max_epochs=1",
            "logger=none",
        )
    assert ran.code == 3 and "09.png cannot be read as an image" in ran.err
    assert "trained, but not tested" in ran.out
    results = ran.json("results.json")
    assert "val/accuracy" in results["metrics"] and not any(name.startswith("test/") for name in results["metrics"])
    assert ran.json("status.json")["state"] == "failed"

    victim.unlink()
    resumed = train(f"resume={ran.path}")
    assert resumed.code == 0, resumed.err
    results = resumed.json("results.json")
    assert "test/accuracy" in results["metrics"] and results["data_summary"]["parts"]["test"]["samples"] == 11
    assert resumed.json("status.json")["state"] == "completed"
