"""Pictures in class folders: every layout, every bad file, every mode of picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from netyard.data.core.module import DataModule
from netyard.data.images.decode import CentreBox, RandomBox, read_crop
from netyard.errors import ConfigError, DataError
from support.datasets import build
from support.image_folders import copy_part, folder, names


def test_one_folder_is_cut_into_three_parts(picture_folder: Path) -> None:
    data = folder(picture_folder)
    assert data.facts() == {"num_classes": 3} and data.class_names == ["ape", "bee", "cat"]
    parts = {part: names(data, part) for part in ("train", "val", "test")}
    assert {part: len(found) for part, found in parts.items()} == {"train": 26, "val": 3, "test": 7}
    assert len(set().union(*parts.values())) == 36
    for part in parts:
        loader = getattr(data, f"{part}_dataloader")()
        for batch in loader:
            x, y = data.on_after_batch_transfer(batch, 0)
            assert batch[0].dtype == torch.uint8 and list(x.shape[1:]) == data.input_shape == [3, 16, 16]
            assert x.dtype == torch.float32 and y.dtype == torch.int64
            red = data.denormalize(x)[:, 0].mean(dim=(1, 2)) * 255
            torch.testing.assert_close(red, y * 80.0, rtol=0, atol=4)  # the label fits the picture


def test_parts_with_folders_are_used(tmp_path: Path, picture_folder: Path) -> None:
    root = tmp_path / "parts"
    copy_part(picture_folder, root / "train", range(8))
    copy_part(picture_folder, root / "val", range(8, 10))
    data = folder(root)
    data.setup()
    assert {name.split("/")[1][:2] for name in names(data, "val")} == {"08", "09"}
    assert len(names(data, "train")) + len(names(data, "test")) == 24  # no test folder: cut from training
    copy_part(picture_folder, root / "test", range(10, 12))
    data = folder(root)
    data.setup()
    assert [len(names(data, part)) for part in ("train", "val", "test")] == [24, 6, 6]


def test_imagenet_tests_on_its_validation_folder(tmp_path: Path, picture_folder: Path) -> None:
    copy_part(picture_folder, tmp_path / "imagenet" / "train", range(8))
    copy_part(picture_folder, tmp_path / "imagenet" / "val", range(8, 12))
    data = build(
        "imagenet",
        root=str(tmp_path / "imagenet"),
        num_classes=3,
        num_workers=0,
        val_fraction=0.25,
        batch_size=4,
    )
    data.setup()
    assert [len(names(data, part)) for part in ("train", "val", "test")] == [18, 6, 12]
    assert {name.split("/")[1][:2] for name in names(data, "test")} == {"08", "09", "10", "11"}
    x, _ = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert list(x.shape) == [4, *data.input_shape]


def test_hidden_and_nested_files(picture_folder: Path) -> None:
    (picture_folder / ".cache").mkdir()
    (picture_folder / "ape" / ".hidden.png").write_bytes(b"junk")
    (picture_folder / "ape" / "notes.txt").write_text("not a picture")
    (picture_folder / "ape" / "deep").mkdir()
    (picture_folder / "ape" / "00.JPG").rename(picture_folder / "ape" / "deep" / "00.JPG")
    data = folder(picture_folder)
    data.setup()
    assert sum(len(data.split(part)) for part in ("train", "val", "test")) == 36


def test_training_crops_by_key_and_evaluation_does_not(picture_folder: Path) -> None:
    data = folder(picture_folder, batch_size=26)
    loader = data.train_dataloader()
    (first, y_1, _), (second, y_2, _) = next(iter(loader)), next(iter(loader))  # two epochs
    order = [y.argsort(stable=True) for y in (y_1, y_2)]
    assert not torch.equal(first[order[0]], second[order[1]])
    val = data.val_dataloader()
    assert torch.equal(next(iter(val))[0], next(iter(val))[0])
    plain = folder(picture_folder, batch_size=26, crop_scale=None)
    loader = plain.train_dataloader()
    pictures = [{row.numpy().tobytes() for row in next(iter(loader))[0]} for _ in range(2)]
    assert pictures[0] == pictures[1]  # the centre, the same in every epoch


@pytest.mark.parametrize(
    ("augmentation", "crops", "mirrors"),
    [("auto", True, True), ("none", False, False), ("standard", True, True), ("mixup", True, True)],
)
def test_an_augmentation_decides_about_crops(
    picture_folder: Path, augmentation: str, crops: bool, mirrors: bool
) -> None:
    data = folder(picture_folder, augmentation=augmentation)
    how = data.split("train").decoding
    assert (how.crop_scale is not None, how.mirror) == (crops, mirrors)
    assert (data.augmentation is None) == (augmentation in ("auto", "none"))
    said = [remark for remark in data.summary().get("remarks", []) if remark.startswith("random crops of 8 to 100 %")]
    assert len(said) == crops and all("half of them mirrored (augmentation=none" in remark for remark in said)


@pytest.mark.parametrize("changes", [{}, {"crop_and_mirror": True}, {"crop_scale": [0.1, 0.2]}, {"cache": "cache"}])
def test_without_augmentation_training_sees_what_evaluation_sees(
    picture_folder: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    changes = {key: str(tmp_path / value) if key == "cache" else value for key, value in changes.items()}
    data = folder(picture_folder, batch_size=26, augmentation="none", **changes)
    data.setup("fit")
    seen, expected = (
        {row.numpy().tobytes() for x, y, key in loader for row in data.prepare(x, y, key)[0]}
        for loader in (data.train_dataloader(), data.plain_train_dataloader())
    )
    assert seen == expected
    remark = "data.crop_and_mirror=true crops nothing with augmentation=none (augmentation=auto: it does)"
    assert (remark in data.summary().get("remarks", [])) == ("crop_and_mirror" in changes)


def test_the_content_of_a_folder_changes_with_its_files(picture_folder: Path) -> None:
    data = folder(picture_folder)
    before = data.split("test").content
    assert [name for name, *_ in before["files"]] == [str(path) for path in data.split("test").paths]
    assert data.split("test").content["files"] == before["files"]
    path = data.split("test").paths[0]
    path.write_bytes(path.read_bytes() + b" ")
    assert data.split("test").content["files"] != before["files"]


def test_refusals(tmp_path: Path, picture_folder: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not there; .*try data\.root=FOLDER"):
        folder(tmp_path / "nowhere").setup()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has 0 class folders;"):
        folder(tmp_path / "empty").setup()
    (tmp_path / "empty" / "only").mkdir()
    with pytest.raises(DataError, match=r"has 1 class folder: only; .* try task=anomaly task\.normal=only\.$"):
        folder(tmp_path / "empty").setup()
    with pytest.raises(DataError, match=r"has 3 class folders, data\.num_classes is 4"):
        folder(picture_folder, num_classes=4).setup()
    (picture_folder / "dog").mkdir()
    with pytest.raises(DataError, match="dog contains no image"):
        folder(picture_folder).setup()
    with pytest.raises(Exception, match="read as grey or RGB") as caught:
        folder(picture_folder, channels=2)
    assert isinstance(caught.value.__cause__ or caught.value, ConfigError)
    with pytest.raises(Exception, match=r"try data\.crop_scale=\[0\.2,0\.5\]"):
        folder(picture_folder, crop_scale=[0.5, 0.2])


def test_class_that_training_does_not_know(tmp_path: Path, picture_folder: Path) -> None:
    copy_part(picture_folder, tmp_path / "parts" / "train", range(8))
    copy_part(picture_folder, tmp_path / "parts" / "val", range(8, 10))
    (tmp_path / "parts" / "val" / "dog").mkdir()
    with pytest.raises(DataError, match="class folder 'dog' that the training split does not have"):
        folder(tmp_path / "parts").setup()


def test_damaged_bytes_raise_nothing_else(picture_folder: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for source in ("ape/00.JPG", "ape/01.png"):
        whole = (picture_folder / source).read_bytes()
        for _ in range(100):
            content = bytearray(whole[: generator.integers(1, len(whole) + 1)])
            for place in generator.integers(0, len(content), 3):
                content[place] = generator.integers(0, 256)
            (tmp_path / "damaged").write_bytes(content)
            try:
                assert read_crop(tmp_path / "damaged", (8, 8), CentreBox(1.0)).shape == (8, 8, 3)
            except DataError as error:
                assert "damaged" in str(error)


def test_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (8_000, 12_000, 60_000):  # below Pillow's warning, below its error, above it
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        path = tmp_path / "bomb.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        with pytest.raises(DataError, match=r"bomb\.png"):
            read_crop(path, (8, 8), CentreBox(1.0))


def test_format_behind_the_suffix_must_be_a_listed_one(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(path, format="ICO")
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_crop(path, (8, 8), CentreBox(1.0))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "palette with transparency"])
def test_every_mode_becomes_the_same_colours(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "picture.tif"
    if mode == "I;16":
        picture = Image.fromarray(np.full((10, 10), 200 * 257, np.uint16))
        expected = [200, 200, 200]
    elif mode == "palette with transparency":
        path = tmp_path / "picture.png"
        picture, expected = Image.new("P", (10, 10), 1), [255, 255, 255]
        picture.putpalette([0, 0, 0, 200, 10, 10])
        picture.info["transparency"] = bytes([255, 0])
    else:
        colour = (255, 255, 255) if mode == "1" else (200, 200, 200)
        picture, expected = Image.new("RGB", (10, 10), colour).convert(mode), list(colour)
    picture.save(path)
    pixels = read_crop(path, (8, 8), CentreBox(1.0))
    assert pixels.shape == (8, 8, 3) and abs(pixels[4, 4].astype(int) - expected).max() <= 3  # palettes are coarse


def test_orientation_of_the_camera_is_undone(tmp_path: Path) -> None:
    upright = Image.fromarray(np.repeat(np.array([[255], [0]], np.uint8), 100, axis=1).repeat(30, axis=0)).convert(
        "RGB"
    )
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn clockwise to see it upright
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright.save(tmp_path / "upright.jpg", quality=95)
    for choose in (CentreBox(0.8), RandomBox((0.2, 0.9), [0.3, 0.6, 0.1, 0.7] * 10)):
        turned, straight = (read_crop(tmp_path / f"{name}.jpg", (16, 16), choose) for name in ("turned", "upright"))
        assert abs(turned.astype(int) - straight).max() <= 6


def test_small_squares_of_large_jpegs_are_decoded_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.linspace(0, 255, 640, dtype=np.uint8)
    Image.fromarray(np.tile(ramp, (480, 1))).convert("RGB").save(tmp_path / "large.jpg", quality=95)
    decoded = []
    resize = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *a, **k: decoded.append(self.size) or resize(self, *a, **k))
    small = read_crop(tmp_path / "large.jpg", (32, 32), CentreBox(1.0))
    assert decoded[0] == (80, 60)
    expected = np.linspace(80, 560, 32) / 640 * 255
    assert abs(small[16, :, 0] - expected).max() < 8


def test_random_boxes_keep_to_their_area_and_shape() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        left, upper, right, lower = RandomBox((0.1, 0.5), generator.random(40).tolist())(300, 200)
        width, height = (right - left) * 300, (lower - upper) * 200
        assert left >= 0 and right <= 1 + 1e-9 and upper >= 0 and lower <= 1 + 1e-9
        assert 0.1 - 1e-6 <= width * height / 60_000 <= 0.5 + 1e-6
        assert 0.74 < width / height < 1.34
    assert RandomBox((1.0, 1.0), [0.5] * 40)(300, 100) == CentreBox(1.0)(300, 100)  # no such box fits


def test_the_summary_counts_what_is_read_and_what_is_not(picture_folder: Path) -> None:
    for number in range(4):
        path = picture_folder / "ape" / f"{2 * number:02}.JPG"
        path.rename(path.with_suffix(".jfif" if number < 2 else ".heic"))
    (picture_folder / "bee" / "Thumbs.db").touch()
    (picture_folder / "bee" / "notes.txt").touch()
    (picture_folder / "__MACOSX" / "ape").mkdir(parents=True)
    found = folder(picture_folder).summary()
    assert sum(part["samples"] for part in found["splits"].values()) == 36 - 2
    assert [(each["what"], each["count"]) for each in found["left_out"]] == [("files .heic", 2), ("file .txt", 1)]
    assert found["splits"]["train"]["source"] == str(picture_folder)
    assert found["classes"].keys() == {"ape", "bee", "cat"}


def test_the_same_file_in_two_splits_is_told(tmp_path: Path, picture_folder: Path) -> None:
    copy_part(picture_folder, tmp_path / "parts" / "Training", range(8))
    copy_part(picture_folder, tmp_path / "parts" / "TEST", range(6, 10))
    found = folder(tmp_path / "parts").summary()
    assert found["duplicates"]["train-test"] + found["duplicates"]["val-test"] == 3 * 2
    assert found["splits"]["test"] == {"samples": 12, "source": str(tmp_path / "parts" / "TEST")}


def write_deep(root: Path, **values: tuple[int, ...]) -> Path:
    """Write grey images of 16 bits of one value each, ``ape=(60, 240)``."""
    for name, each in values.items():
        (root / name).mkdir(parents=True)
        for number, value in enumerate(each):
            Image.fromarray(np.full((9, 9), value, np.uint16)).save(root / name / f"{number}.png")
    return root


def pixels(data: DataModule, part: str) -> list[int]:
    return torch.cat([x for x, _, _ in getattr(data, f"{part}_dataloader")()]).flatten(1)[:, 0].tolist()


def test_the_range_is_that_of_all_training_images(tmp_path: Path) -> None:
    root = write_deep(tmp_path / "x" / "train", night=(100, 150), day=(10_000, 10_100)).parent
    write_deep(root / "test", night=(100,), day=(20_000,))
    data = folder(root, val_fraction=0.5, crop_scale=None)
    found = data.summary()
    # One of each class trains: 100 or 150, and 10,000 or 10,100.
    low, high = found["depth"]["range"]
    assert low in (100, 150) and high in (10_000, 10_100) and found["depth"]["images"] == {"16 bits": 6}
    assert sorted(pixels(data, "train")) == [0, 255] and sorted(pixels(data, "test"))[1] == 255
    given = folder(root, range=[0, 25_500], crop_scale=None)
    assert given.summary()["remarks"][1] == "6 of 16 bits, black is 0, white 25500 (data.range)"
    assert sorted(pixels(given, "test")) == [1, 200]


def test_a_trained_run_keeps_its_range(tmp_path: Path) -> None:
    root = write_deep(tmp_path / "x", night=(0, 0, 0, 0), day=(1000, 1000, 1000, 1000))
    data = folder(root)
    data.setup()
    state = data.state_dict()
    assert state["range"] == [0, 1000]
    other = folder(write_deep(tmp_path / "y", night=(500,) * 4, day=(4000,) * 4))
    other.load_state_dict(state)
    assert set(pixels(other, "test")) <= {128, 255} and other.image_reader(16).value_range == (0, 1000)
    # A run of before there were ranges kept the upper 8 bits of each image.
    old = folder(root)
    old.load_state_dict({name: value for name, value in state.items() if name != "range"})
    assert set(pixels(old, "train")) <= {0, 1000 >> 8} and old.value_range is None
    resumed = folder(root)
    resumed.setup()
    resumed.load_state_dict({name: value for name, value in state.items() if name != "range"})
    assert set(pixels(resumed, "train")) <= {0, 1000 >> 8}


def test_a_cache_has_the_range(tmp_path: Path) -> None:
    root = write_deep(tmp_path / "x", night=(0,) * 4, day=(1000,) * 4)
    plain, cached = folder(root, crop_scale=None), folder(root, crop_scale=None, cache=str(tmp_path / "cache"))
    cached.setup("fit")
    assert pixels(plain, "train") == pixels(cached, "train") and set(pixels(plain, "train")) == {0, 255}
    other = folder(root, crop_scale=None, cache=str(tmp_path / "cache"), range=[0, 2000])
    other.setup("fit")
    assert set(pixels(other, "train")) == {0, 128} and len([*(tmp_path / "cache").glob("*.pictures")]) == 2


def test_a_range_that_nothing_uses_is_refused(picture_folder: Path) -> None:
    with pytest.raises(DataError, match=r"no training image has more than 8 bits per channel; .*leave data\.range out"):
        folder(picture_folder, range=[0, 4095]).setup()
    with pytest.raises(Exception, match=r"data\.range is \[9, 9\].*try data\.range=\[0,4095\]"):
        folder(picture_folder, range=[9, 9])


@pytest.fixture
def damaged_folder(tmp_path: Path, picture_folder: Path) -> Path:
    """Splits of 8 and 4 images of each class; one of the test split is cut."""
    copy_part(picture_folder, tmp_path / "parts" / "train", range(8))
    copy_part(picture_folder, tmp_path / "parts" / "test", range(8, 12))
    victim = tmp_path / "parts" / "test" / "bee" / "09.png"
    victim.write_bytes(victim.read_bytes()[:60])
    return tmp_path / "parts"


def test_damage_in_any_split_is_found_before_training(damaged_folder: Path) -> None:
    with pytest.raises(DataError, match=r"test/bee/09\.png cannot be read as an image .*data\.on_damaged=skip\.$"):
        folder(damaged_folder).setup()


def test_damaged_images_are_skipped_and_counted(damaged_folder: Path) -> None:
    found = folder(damaged_folder, on_damaged="skip").summary()
    assert [found["splits"][part]["samples"] for part in ("train", "val", "test")] == [22, 2, 11]
    assert [(each["what"], each["count"]) for each in found["left_out"]] == [("damaged image", 1)]
    assert "09.png cannot be read as an image" in found["left_out"][0]["why"]


def test_a_class_of_damaged_images_alone_is_refused(damaged_folder: Path) -> None:
    for path in (damaged_folder / "test" / "bee").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"test/bee contains no image"):
        folder(damaged_folder, on_damaged="skip").setup()


def test_a_run_can_be_resumed_once_a_bad_test_image_is_gone(damaged_folder: Path, caplog) -> None:
    victim = damaged_folder / "test" / "bee" / "09.png"
    victim.write_bytes((damaged_folder / "test" / "bee" / "11.png").read_bytes())
    first = folder(damaged_folder)
    first.setup()
    state = first.state_dict()
    victim.unlink()
    resumed = folder(damaged_folder)
    resumed.setup()
    resumed.load_state_dict(state)
    assert "the test samples are not those that the run was started with" in caplog.text
    (damaged_folder / "train" / "bee" / "00.JPG").unlink()
    changed = folder(damaged_folder)
    changed.setup()
    with pytest.raises(DataError, match="the samples are not those that the run was started with"):
        changed.load_state_dict(state)
    # A run of an older version has one fingerprint of all splits.
    old = {name: value for name, value in state.items() if name != "fingerprints"}
    with pytest.raises(DataError, match="the samples are not those"):
        resumed.load_state_dict(old)
    first.load_state_dict(old)


def test_images_of_a_group_are_in_one_split(picture_folder: Path) -> None:
    # Images 00 to 11 of each class: six groups of two per class, the same in all classes.
    for path in picture_folder.rglob("*.*"):
        path.rename(path.with_name(f"p{int(path.stem) // 2}_{path.name}"))
    for changes in ({}, {"num_folds": 3, "fold": 1}):
        data = folder(picture_folder, group=r"(p\d+)_", **changes)
        groups = {part: {name.split("/")[1][:2] for name in names(data, part)} for part in ("train", "val", "test")}
        assert sum(map(len, groups.values())) == 6 == len(set().union(*groups.values()))
        assert data.summary()["groups"] == {part: len(each) for part, each in groups.items()}
        assert len(names(data, "test")) == 6  # a fifth of 36 is nearest to one group of three times two


def test_a_subset_keeps_the_classes_and_the_other_splits(picture_folder: Path) -> None:
    whole = folder(picture_folder)
    for subset, expected in ((6, 6), (0.5, 13)):
        data = folder(picture_folder, subset=subset, seed=7)
        assert len(names(data, "train")) == expected and {*names(data, "train")} < {*names(whole, "train")}
        assert names(data, "val") == names(whole, "val") and names(data, "test") == names(whole, "test")
        assert names(data, "train") == names(folder(picture_folder, subset=subset), "train")
    assert data.summary()["splits"]["train"]["source"].endswith(", 13 of 26 by data.subset")


def test_validation_and_test_may_have_folders_of_their_own(tmp_path: Path, picture_folder: Path) -> None:
    for name, numbers in (("seen/val", range(2)), ("seen/test", range(3)), ("new", range(4))):
        copy_part(picture_folder, tmp_path / name, numbers)
    count = len(list(picture_folder.rglob("*.*")))
    data = folder(picture_folder, test_root=str(tmp_path / "new"), val_root=str(tmp_path / "seen"))
    data.setup()
    classes = len(data.class_names or [])
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [count, 2 * classes, 4 * classes]
    found = data.summary()
    assert found["splits"]["test"]["source"] == str(tmp_path / "new")
    assert found["splits"]["val"]["source"] == str(tmp_path / "seen" / "val")
    (tmp_path / "new" / "nobody").mkdir()
    for changes, message in (
        ({"test_root": str(tmp_path / "new")}, "has a class folder 'nobody' that the training split does not have"),
        ({"test_root": str(picture_folder)}, r"whose images are for training; data\.test_root is a folder beside it"),
        ({"test_root": str(tmp_path / "gone")}, r"is not there; data\.test_root is .* try data\.test_root=FOLDER"),
        ({"val_root": str(tmp_path / "new"), "num_folds": 3}, r"data\.val_root is given; of a cross-validation"),
    ):
        with pytest.raises((DataError, ConfigError), match=message):
            folder(picture_folder, **changes).setup()


def test_without_a_test_fraction_all_images_are_for_training(picture_folder: Path) -> None:
    data = folder(picture_folder, test_fraction=0, val_fraction=0)
    assert list(data.summary()["splits"]) == ["train"] and data.val_dataloader() == []
    with pytest.raises(DataError, match=r"no test part: data\.test_fraction is 0; .* evaluate RUN_DIR data\.root="):
        data.test_dataloader()


def write_parts(root: Path, source: Path, parts: dict[str, tuple[str, ...]]) -> Path:
    """Class folders of each part, with the images of another folder's first class."""
    for part, classes in parts.items():
        for name in classes:
            (root / part / name).mkdir(parents=True)
            for path in sorted((source / "ape").iterdir()):
                (root / part / name / path.name).write_bytes(path.read_bytes())
    return root


def test_other_parts_may_have_classes_of_their_own_if_training_needs_only_normal_ones(
    tmp_path: Path, picture_folder: Path
) -> None:
    parts = {"train": ("good",), "test": ("scratch", "good", "broken")}
    root = write_parts(tmp_path / "bottle", picture_folder, parts)
    data = folder(root, normal="good")
    assert data.facts() == {"num_classes": 3} and data.class_names == ["good", "broken", "scratch"]
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [11, 1, 36]
    assert set(data.split("val").y.tolist()) == {0} and data.split("test").y.bincount().tolist() == [12, 12, 12]
    # A run whose test folder has one class less, and another one more.
    (root / "test" / "scratch").rename(root / "test" / "melted")
    again = folder(root, normal=["good"], num_classes=3)
    again.load_state_dict({"class_names": data.class_names})
    again.setup()
    assert again.class_names == ["good", "broken", "scratch", "melted"]
    assert again.split("test").y.bincount().tolist() == [12, 12, 0, 12]
    tested = folder(root / "test" / "..", normal=["good"])
    tested.load_state_dict({"class_names": data.class_names})
    tested.test_all()
    tested.setup()
    assert tested.class_names == again.class_names and len(tested.split("test")) == 36
    # Without normal classes they are a mistake.
    with pytest.raises(DataError, match=r"has 1 class folder: good; .* try task=anomaly task\.normal=good\.$"):
        folder(root).setup()


def test_a_folder_for_testing_has_the_anomalies(tmp_path: Path, picture_folder: Path) -> None:
    root = write_parts(tmp_path, picture_folder, {"normal": ("good",), "odd": ("broken",)})
    data = folder(root / "normal", normal="good", test_root=str(root / "odd"), val_fraction=0.25)
    data.setup()
    assert data.class_names == ["good", "broken"] and set(data.split("test").y.tolist()) == {1}
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [9, 3, 12]
    with pytest.raises(DataError, match=r"normal has 1 class folder: good; .* try data\.test_root=FOLDER"):
        folder(root / "normal", normal="good").setup()
    (root / "odd" / "empty").mkdir()
    (root / "normal" / "none").mkdir()
    with pytest.raises(DataError, match="none contains no image"):
        folder(root / "normal", normal="good", test_root=str(root / "odd")).setup()
