"""Augmentation: each sample by its own key, whatever batch it is in."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

from netyard.data.core.keys import fold, integers, sample_keys
from netyard.data.images.augment import Draw, ImageAugmentation, Operation
from netyard.errors import ConfigError

CONF = Path(__file__).parents[4] / "conf" / "augmentation"
KEYS = sample_keys(0, 0, torch.arange(64))
PICTURES = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(64) % 5
ALL = {
    "shift": 0.125,
    "flip": True,
    "rotation": 15,
    "scale": 0.1,
    "brightness": 0.2,
    "contrast": 0.2,
    "saturation": 0.5,
    "operations": 2,
    "cutout": 0.25,
}


def augment(x: torch.Tensor = PICTURES, key: torch.Tensor = KEYS, **arguments: Any) -> torch.Tensor:
    return ImageAugmentation(**arguments)(x, LABELS[: len(x)], key)[0]


@pytest.mark.parametrize("name", [*ALL, "everything"])
def test_sample_is_alone_in_its_batch(name: str) -> None:
    arguments = ALL if name == "everything" else {name: ALL[name]}
    together = augment(**arguments)
    assert together.shape == PICTURES.shape and together.dtype == torch.float32
    assert together.min() >= 0 and together.max() <= 1 and together.isfinite().all()
    assert not torch.equal(together, PICTURES)
    assert torch.equal(together, augment(**arguments))
    some = torch.tensor([40, 3, 17])
    torch.testing.assert_close(augment(PICTURES[some], KEYS[some], **arguments), together[some], rtol=0, atol=1e-6)


def test_key_decides() -> None:
    other_epoch = sample_keys(0, 1, torch.arange(64))
    changed = (augment(**ALL) != augment(key=other_epoch, **ALL)).flatten(1).any(dim=1)
    assert changed.all()


def test_nothing_chosen_changes_nothing() -> None:
    assert torch.equal(augment(), PICTURES)


def test_flip_mirrors_half_of_the_samples() -> None:
    flipped = augment(flip=True)
    mirrored = (flipped == PICTURES.flip(-1)).flatten(1).all(dim=1)
    kept = (flipped == PICTURES).flatten(1).all(dim=1)
    assert (mirrored ^ kept).all() and 20 < mirrored.sum() < 44


def test_shift_moves_by_whole_pixels_within_its_range() -> None:
    moved = augment(shift=0.125)
    padded = F.pad(PICTURES, (4, 4, 4, 4))
    found = set()
    for number in range(64):
        windows = {(dy, dx): padded[number, :, dy : dy + 32, dx : dx + 32] for dy in range(9) for dx in range(9)}
        matches = [offset for offset, window in windows.items() if torch.equal(window, moved[number])]
        assert len(matches) == 1
        found.add(matches[0])
    assert len(found) > 30


def test_rotation_keeps_the_middle() -> None:
    x = torch.zeros(64, 1, 33, 33)
    x[:, :, 14:19, 14:19] = 1
    turned = augment(x, rotation=90)
    assert (turned[:, 0, 16, 16] > 0.99).all()
    assert (turned.sum(dim=(1, 2, 3)) - 25).abs().max() < 1


def test_saturation_keeps_the_grey_of_a_pixel() -> None:
    dull = 0.4 + 0.2 * PICTURES  # nothing is cut off
    changed = augment(dull, saturation=0.5)
    torch.testing.assert_close(changed.mean(dim=1), dull.mean(dim=1))
    gain = ((changed - changed.mean(dim=1, keepdim=True)).std(dim=(1, 2, 3))) / (
        (dull - dull.mean(dim=1, keepdim=True)).std(dim=(1, 2, 3))
    )
    assert 0.5 <= gain.min() < 0.7 and 1.3 < gain.max() <= 1.5
    grey = PICTURES[:, :1]
    torch.testing.assert_close(augment(grey, saturation=0.9), grey)


def test_one_operation_of_ten_is_drawn_for_each_picture() -> None:
    keys = sample_keys(0, 0, torch.arange(2000))
    white_corner = torch.full((2000, 3, 8, 8), 0.3)
    white_corner[:, 0, :4, :4] = 0.9
    changed = augment(white_corner, keys, operations=1, magnitude=1.0)
    drawn = integers(fold(fold(keys, Draw.OPERATION), 0), 0, len(Operation))
    shares = torch.bincount(drawn, minlength=10) / 2000
    assert (shares - 0.1).abs().max() < 0.03
    same = (changed == white_corner).flatten(1).all(dim=1)
    assert same[drawn == Operation.NOTHING].all()
    for each in Operation:
        if each != Operation.NOTHING:
            assert same[drawn == each].float().mean() < 0.5, each.name
    means = changed.mean(dim=(1, 2, 3))
    assert means[drawn == Operation.BRIGHTNESS].std() > 3 * means[drawn == Operation.SATURATION].std()


def test_cutout_hides_at_most_its_square() -> None:
    hidden = (augment(cutout=0.25) != PICTURES).any(dim=1).flatten(1).sum(dim=1)
    assert hidden.max() == 64 and hidden.min() >= 16  # 8 x 8; a quarter of it in a corner


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixing_mixes_targets_as_it_mixes_pictures(name: str) -> None:
    # Each picture is filled with its own number, so a mixture tells its shares.
    x = torch.arange(1, 65.0)[:, None, None, None].expand(64, 1, 16, 16) / 64
    augmentation = ImageAugmentation(**{name: 1.0})
    assert augmentation.mixes
    mixed, y = augmentation(x, torch.eye(64), KEYS)
    torch.testing.assert_close(y.sum(dim=1), torch.ones(64))
    assert y.min() >= 0 and ((y > 0).sum(dim=1) <= 2).all()
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), y @ x[:, 0, 0, 0], rtol=0, atol=1e-5)
    own = y.diagonal()
    assert own.min() < 0.3 and own.max() > 0.7
    torch.testing.assert_close(own + y.roll(1, 1).diagonal(), torch.ones(64))  # the partner: the one before


def test_mixing_one_sample_leaves_it() -> None:
    for name in ("mixup", "cutmix"):
        x, y = ImageAugmentation(**{name: 1.0})(PICTURES[:1], torch.eye(5)[:1], KEYS[:1])
        torch.testing.assert_close(x, PICTURES[:1])
        torch.testing.assert_close(y, torch.eye(5)[:1])


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_makes_an_augmentation(path: Path) -> None:
    node = OmegaConf.to_container(
        OmegaConf.create({"a": OmegaConf.load(path), "data": {"mirror_invariant": True}}), resolve=True
    )["a"]
    assert path.read_text().startswith("# ")
    if path.stem == "auto":
        assert node == {}
        return
    assert node.pop("_target_") == "netyard.data.images.augment.ImageAugmentation"
    augmentation = ImageAugmentation(**node)
    changes = path.stem != "none"
    assert bool(augmentation) == augmentation.crop == augmentation.flip == changes
    assert augmentation.mixes == (path.stem in ("mixup", "cutmix"))


@pytest.mark.parametrize("name", [name for name in signature(ImageAugmentation).parameters if name != "crop"])
def test_each_change_alone_is_one(name: str) -> None:
    strength = {"flip": True, "rotation": 10.0, "operations": 1}.get(name, 0.5)
    assert bool(ImageAugmentation(**{name: strength})) == (name != "magnitude")


@pytest.mark.parametrize(
    "arguments",
    [
        {"shift": 1.0},
        {"shift": -0.1},
        {"rotation": 200},
        {"cutout": float("nan")},
        {"operations": 9},
        {"magnitude": 0.0},
        {"mixup": 2.0},
        {"mixup": 0.2, "cutmix": 1.0},
    ],
)
def test_refusals(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"try augmentation\."):
        ImageAugmentation(**arguments)
