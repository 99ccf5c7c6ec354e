"""Image data that a CSV file describes: their targets, splits, and what training changes in the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netyard.data.images.image_folder_check import check
from netyard.errors import ConfigError, DataError
from support.datasets import build
from support.image_folders import folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(40):
        pixels = np.full((8, 8, 3), number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path


def listed(place: Path, head: str, rows: list[str], name: str = "labels.csv") -> str:
    lines = [f"{number:02}.png,{row}" for number, row in enumerate(rows)]
    (place / name).write_text("\n".join([f"file,{head}", *lines]), encoding="utf-8")
    return str(place / name)


def test_labels_are_stratified_and_have_their_counts(place: Path) -> None:
    labels = listed(place, "tags", ["a|b" if number % 4 == 0 else "a" if number % 2 else "c" for number in range(40)])
    data = folder(place / "photos", labels=labels)
    assert data.facts() == {"num_labels": 3} and data.class_names == ["a", "b", "c"]
    split = data.split("train")
    assert split.y.dtype == torch.uint8 and split.y.shape == (29, 3)
    assert data.summary()["labels"] == dict(zip("abc", split.y.sum(0).tolist(), strict=True))
    assert data.split("test").y.sum(0).tolist() == [6, 2, 2]
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert y.shape == (6, 3) and x.shape == (6, 3, 16, 16)


def test_numbers_are_not_cropped_or_mirrored_unless_it_is_said(place: Path) -> None:
    labels = listed(place, "angle", [f"{number}.5" for number in range(40)])

    def made(**changes: object):
        data = folder(place / "photos", labels=labels, augmentation="standard", **changes)
        data.setup()
        return data

    data = made()
    assert data.facts() == {"num_targets": 1} and data.target_names == ["angle"]
    assert data.split("train").decoding.crop_scale is None and data.augmentation.flip is False
    assert "data.crop_and_mirror=true" in data.summary()["remarks"][0]
    mean, std = data.target_statistics()
    y = data.split("train").y
    torch.testing.assert_close(mean, y.mean(0))
    assert std.shape == (1,) and y.dtype == torch.float32
    data = made(crop_and_mirror=True)
    assert data.split("train").decoding.crop_scale is not None and data.augmentation.flip is True
    with pytest.raises(ConfigError, match="mixes classes was chosen for a regression"):
        folder(place / "photos", labels=labels, augmentation="mixup").setup()


def test_folders_of_splits_and_files_of_splits_are_used(place: Path) -> None:
    for number in range(40):
        part = place / "parts" / ("train" if number < 30 else "test")
        part.mkdir(parents=True, exist_ok=True)
        (place / "photos" / f"{number:02}.png").rename(part / f"{number:02}.png")
    rows = [f"{'train' if n < 30 else 'test'}/{n:02}.png,{'ab'[n % 2]}" for n in range(40)]
    (place / "labels.csv").write_text("\n".join(["file,kind", *rows]), encoding="utf-8")
    data = folder(place / "parts", labels=str(place / "labels.csv"))
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [27, 3, 10]
    train, test = listed(place, "kind", list("ab" * 15)), listed(place / "parts", "kind", [], "none.csv")
    rows = [f"{number}.png,{'ab'[number % 2]}" for number in range(30, 40)]
    Path(test).write_text("\n".join(["file,kind", *rows]), encoding="utf-8")
    parts = {"test_root": str(place / "parts" / "test"), "test_labels": test}
    data = folder(place / "parts" / "train", labels=train, **parts)
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [27, 3, 10]
    assert data.sources["test"] == test
    with pytest.raises(Exception, match=r"data\.test_root is given with data\.labels; .*data\.test_labels=FILE"):
        folder(place / "parts" / "train", labels=train, test_root="x")
    with pytest.raises(Exception, match=r"data\.test_labels is given without data\.labels"):
        folder(place / "parts" / "train", test_labels="x")


def test_groups_of_a_column_stay_together(place: Path) -> None:
    labels = listed(place, "kind,patient", [f"{'ab'[number % 2]},p{number // 4}" for number in range(40)])
    data = folder(place / "photos", labels=labels, group="patient")
    data.setup()
    groups = [set(data.split(part).groups) for part in ("train", "val", "test")]
    assert len(set.union(*groups)) == 10 == sum(map(len, groups))


def test_the_check_before_torch_knows_the_target_and_finds_mistakes(place: Path) -> None:
    keys = {"root": str(place / "photos"), "group": None, "train_folder": "train"}
    keys |= {"labels": listed(place, "x,y", ["1.5,2"] * 40)}
    assert check(keys) == ({"num_targets": 2}, "")
    keys["labels"] = listed(place, "tags", ["a|b", "b"] * 20)
    assert check(keys) == ({"num_labels": 2}, "data.target_kind=class")
    with pytest.raises(DataError, match="has no column 'angle'"):
        check({**keys, "target": "angle"})


def test_a_given_number_of_labels_must_be_theirs(place: Path) -> None:
    labels = listed(place, "tags", ["a|b", "b"] * 20)
    with pytest.raises(DataError, match=r"has 2 labels, data\.num_labels is 3; it is counted; try data\.num_labels=2"):
        build("image_folder", root=str(place / "photos"), labels=labels, num_labels=3).setup()


def test_another_file_may_have_classes_of_its_own_if_training_needs_only_normal_images(place: Path) -> None:
    labels = listed(place, "state", ["ok"] * 30)
    (place / "test.csv").write_text("file,state\n30.png,bent\n31.png,ok\n32.png,bad\n", encoding="utf-8")
    keys = {"labels": labels, "test_labels": str(place / "test.csv")}
    data = folder(place / "photos", normal="ok", **keys)
    assert data.facts() == {"num_classes": 3} and data.class_names == ["ok", "bad", "bent"]
    assert data.split("test").y.tolist() == [2, 0, 1] and set(data.split("train").y.tolist()) == {0}
    assert check({**keys, "root": str(place / "photos"), "normal": "ok"}) == ({}, "")
    with pytest.raises(DataError, match="contains only one class, 'ok'"):
        folder(place / "photos", **keys).setup()
    (place / "test.csv").write_text("file,state\n30.png,ok\n", encoding="utf-8")
    with pytest.raises(DataError, match="have only the class 'ok'; anomalies are"):
        folder(place / "photos", normal="ok", **keys).setup()
