"""Mistakes in folders are found without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.data.images.image_folder_check import check
from netyard.errors import ConfigError, DataError

KEYS = {"train_folder": "train", "val_folder": "val", "test_folder": "test", "group": None}


def test_classes_are_counted_and_mistakes_refused(tmp_path: Path, picture_folder: Path) -> None:
    data = {**KEYS, "root": str(picture_folder)}
    assert check(data) == ({"num_classes": 3}, "")
    with pytest.raises(DataError, match="nowhere is not there"):
        check({**KEYS, "root": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigError, match=r"data\.group is '\('"):
        check({**data, "group": "("})
    (picture_folder / "dog").mkdir()
    with pytest.raises(DataError, match="dog contains no image"):
        check(data)


def test_classes_of_all_parts_are_counted_if_some_are_normal(tmp_path: Path) -> None:
    for place in ("train/good", "test/good", "test/broken", "ground_truth/broken"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "0.png").touch()
    data = {**KEYS, "root": str(tmp_path)}
    assert check({**data, "normal": ["good"]}) == ({"num_classes": 2}, "")
    assert check({**data, "normal": "good", "test_root": str(tmp_path / "ground_truth")}) == ({"num_classes": 2}, "")
    with pytest.raises(DataError, match=r"has 1 class folder: good; .*try task=anomaly task\.normal=good\.$"):
        check(data)
