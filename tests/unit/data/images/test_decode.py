"""Pictures read as sequences: each row, or each pixel, is a step; augmentation still sees the picture."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.data.images.augment import ImageAugmentation
from netyard.data.images.decode import FORMATS, MAX_PIXELS, CentreBox, read_crop
from netyard.data.images.fake import FakeImages
from netyard.errors import ConfigError, DataError
from support.hostile_images import SIZES, bombs, other

FACTS = {"num_classes": 3, "channels": 2, "image_size": 4, "size": 60, "mean": [0.5, 0.25], "std": [0.5, 0.25]}


def batch(**facts: object) -> tuple[FakeImages, torch.Tensor, torch.Tensor]:
    """The module, a stored batch of it, and what a network would see."""
    data = FakeImages(**{**FACTS, **facts})
    stored = data.split("train").x[:5]
    return data, stored, data.prepare(stored, torch.zeros(5).long())[0]


def test_rows_are_the_rows() -> None:
    picture = batch()[2]
    _, _, rows = batch(as_sequence="rows")
    assert rows.shape == (5, 4, 8)
    for step in range(4):
        assert torch.equal(rows[:, step], picture[:, :, step].flatten(1))


def test_pixels_come_in_reading_order() -> None:
    picture = batch()[2]
    _, _, pixels = batch(as_sequence="pixels")
    assert pixels.shape == (5, 16, 2)
    for step in range(16):
        assert torch.equal(pixels[:, step], picture[:, :, step // 4, step % 4])


@pytest.mark.parametrize("way", [None, "rows", "pixels"])
def test_denormalize_gives_the_picture_back(way: str | None) -> None:
    data, stored, x = batch(as_sequence=way)
    assert torch.allclose(data.denormalize(x), stored / 255, atol=1e-6)


def test_augmentation_comes_before_the_reading() -> None:
    keys = torch.arange(5)
    pictures, sequences = (
        FakeImages(**FACTS, as_sequence=way, augmentation=ImageAugmentation(shift=0.5)) for way in (None, "rows")
    )
    stored, labels = pictures.split("train").x[:5], torch.zeros(5).long()
    shifted = pictures.prepare(stored, labels, keys)[0]
    assert not torch.equal(shifted, pictures.prepare(stored, labels)[0])
    assert torch.equal(sequences.prepare(stored, labels, keys)[0], shifted.transpose(1, 2).flatten(2))


def test_another_reading_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^as_sequence is 'columns'; it must be one of rows, pixels"):
        FakeImages(**FACTS, as_sequence="columns")


def test_the_facts_of_the_digits_are_true() -> None:
    cfg, _ = compose(["data=digits_rows"])
    data = build(cfg.data)
    x, y = data.prepare(*next(iter(data.train_dataloader()))[:2])
    assert (
        list(x.shape) == [cfg.data.batch_size, cfg.data.sequence_length, cfg.data.input_size]
        and y.max() < cfg.data.num_classes
    )


def refused(path: Path) -> bool:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError) as error:
        read_crop(path, (32, 32), CentreBox(1.0))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1024 if sys.platform == "linux" else 1)
    return str(path) in str(error.value) and "\n" not in str(error.value) and grown < 64_000_000


@pytest.fixture(autouse=True)
def every_format_is_loaded() -> None:
    Image.init()


def test_no_bomb_is_decoded(tally, tmp_path: Path) -> None:
    files = [*other(), *(bomb for size in SIZES for bomb in bombs(*size))]
    assert {Path(name).suffix for name, _ in files} == {".png", ".gif", ".bmp", ".ppm", ".jpg", ".tif", ".webp"}
    withstood = 0
    for number, (name, content) in enumerate(files):
        (path := tmp_path / f"{number}{name}").write_bytes(content)
        withstood += refused(path)
    tally("given a picture that is a bomb", len(files), withstood)


def test_the_largest_that_is_decoded(tmp_path: Path) -> None:
    Image.new("L", (100, 100), 7).save(path := tmp_path / "x.png")
    assert np.unique(read_crop(path, (8, 8), CentreBox(1.0))).tolist() == [7]
    assert MAX_PIXELS < Image.MAX_IMAGE_PIXELS, "Pillow warns of none that we would open"
    assert set(FORMATS) <= set(Image.OPEN)


@pytest.mark.parametrize("filter", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_an_image_is_resized_by_the_chosen_filter(tmp_path: Path, filter: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    found = read_crop(tmp_path / "x.png", (10, 10), CentreBox(1.0), interpolation=filter)
    expected = Image.fromarray(pixels).resize((10, 10), Image.Resampling[filter.upper()], reducing_gap=3.0)
    assert np.array_equal(found, np.asarray(expected))
    if filter == "bilinear":
        assert np.array_equal(found, read_crop(tmp_path / "x.png", (10, 10), CentreBox(1.0)))
