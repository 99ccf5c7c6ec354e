"""Augmentation of whole batches of pictures, on the device, each sample by its own key.

A sample's draws depend on nothing but its key: neither on its batch, nor on the rank, nor on what was drawn
before. Only mixing looks at a second sample, the one before it in the batch (whose order is random already).
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from netyard.data.core.keys import beta, fold, integers, uniform
from netyard.errors import ConfigError
from netyard.ranges.bounds import Ge, Gt, Le, Probability, Unit


class Draw(IntEnum):
    """The number of each draw under a sample's key. Append only: a number that moves changes every run."""

    SHIFT_Y, SHIFT_X, FLIP, ANGLE, SCALE, BRIGHTNESS, CONTRAST, CUTOUT_Y, CUTOUT_X = range(9)
    MIX, CUT_Y, CUT_X = range(9, 12)
    SATURATION, OPERATION = range(12, 14)


class Operation(IntEnum):
    """What ``random_operations`` chooses from. Append only, as above."""

    ROTATE, SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y, BRIGHTNESS, CONTRAST, SATURATION, SOLARIZE, NOTHING = range(10)


class ImageAugmentation:
    """Shift, flip, rotate, scale, light, colour, cut out and mix: what is zero or false is left out.

    (B, C, H, W) in [0, 1], targets, keys int64 (B,) -> pictures in [0, 1], targets. When it ``mixes``, the
    targets are float32 (B, num_classes) whose rows sum to 1.

    Args:
        shift: largest shift, as a fraction of the side; the border is padded with black.
        flip: mirror left and right in half of the samples.
        rotation: largest angle, in degrees.
        scale: largest change of size, as a fraction.
        brightness: largest relative change of brightness.
        contrast: largest relative change of contrast.
        saturation: largest relative change of saturation; grey pictures have none.
        operations: of the ten of ``Operation`` so many are drawn for each picture, one after the other, as RandAugment
            does (Cubuk et al. 2019, arXiv:1909.13719).
        magnitude: how strong each of them may be, up to 1.
        cutout: side of the square that is hidden, as a fraction of the side (DeVries & Taylor 2017,
            arXiv:1708.04552).
        mixup: alpha of Beta(alpha, alpha) (Zhang et al. 2017, arXiv:1710.09412).
        cutmix: alpha of Beta(alpha, alpha) (Yun et al. 2019, arXiv:1905.04899).

    Raises:
        ConfigError: a value out of range, or mixup and cutmix at once.
    """

    def __init__(
        self,
        shift: Probability = 0.0,
        flip: bool = False,
        rotation: Annotated[float, Ge(0), Le(180)] = 0.0,
        scale: Probability = 0.0,
        brightness: Probability = 0.0,
        contrast: Probability = 0.0,
        saturation: Probability = 0.0,
        operations: Annotated[int, Ge(0), Le(8)] = 0,
        magnitude: Annotated[float, Gt(0), Le(1)] = 0.5,
        cutout: Probability = 0.0,
        mixup: Unit = 0.0,
        cutmix: Unit = 0.0,
    ) -> None:
        fractions = {
            "shift": shift,
            "scale": scale,
            "brightness": brightness,
            "contrast": contrast,
            "saturation": saturation,
            "cutout": cutout,
        }
        for name, value in fractions.items():
            if not 0 <= value < 1:
                raise _out_of_range(name, value, "at least 0 and below 1", 0.1)
        if operations not in range(9):
            raise _out_of_range("operations", operations, "a whole number from 0 to 8", 2)
        if not 0 < magnitude <= 1:
            raise _out_of_range("magnitude", magnitude, "above 0 and at most 1", 0.5)
        if not 0 <= rotation <= 180:
            raise _out_of_range("rotation", rotation, "0 to 180 degrees", 15)
        for name, value in {"mixup": mixup, "cutmix": cutmix}.items():
            if not 0 <= value <= 1:
                raise _out_of_range(name, value, "0 to 1", 0.2)
        if mixup and cutmix:
            raise ConfigError(
                f"augmentation.mixup is {mixup} and augmentation.cutmix is {cutmix};",
                "one of them must be 0;",
                "try augmentation.mixup=0.",
            )
        self.shift, self.flip, self.rotation, self.scale = shift, flip, math.radians(rotation), scale
        self.brightness, self.contrast, self.cutout = brightness, contrast, cutout
        self.saturation, self.operations, self.magnitude = saturation, operations, magnitude
        self.mixup, self.cutmix = mixup, cutmix

    @property
    def mixes(self) -> bool:
        """Whether targets become mixtures of classes."""
        return bool(self.mixup or self.cutmix)

    def __call__(self, x: Tensor, y: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        if self.flip:
            x = flip(x, key)
        if self.shift:
            x = shift(x, key, self.shift)
        if self.rotation or self.scale:
            x = rotate_and_scale(x, key, self.rotation, self.scale)
        if self.brightness or self.contrast:
            x = light(x, key, self.brightness, self.contrast)
        if self.saturation:
            x = saturate(x, 1 + self.saturation * _around_zero(key, Draw.SATURATION))
        if self.operations:
            x = random_operations(x, key, self.operations, self.magnitude)
        if self.cutout:
            x = cutout(x, key, self.cutout)
        if self.mixup:
            return mixup(x, y, key, self.mixup)
        if self.cutmix:
            return cutmix(x, y, key, self.cutmix)
        return x, y


def _out_of_range(name: str, value: float, allowed: str, example: float) -> ConfigError:
    return ConfigError(
        f"augmentation.{name} is {value};", f"it must be {allowed};", f"try augmentation.{name}={example}."
    )


def _per_picture(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, 1)"""
    return values[:, None, None, None]


def _around_zero(key: Tensor, draw: int) -> Tensor:
    """Uniform in [-1, 1): (B,)"""
    return 2 * uniform(key, draw) - 1


def flip(x: Tensor, key: Tensor) -> Tensor:
    return torch.where(_per_picture(uniform(key, Draw.FLIP) < 0.5), x.flip(-1), x)


def shift(x: Tensor, key: Tensor, fraction: float) -> Tensor:
    height, width = x.shape[-2:]
    pad_y, pad_x = max(round(height * fraction), 1), max(round(width * fraction), 1)
    padded = F.pad(x, (pad_x, pad_x, pad_y, pad_y))
    # A view of every window (B, C, 2 pad_y + 1, 2 pad_x + 1, H, W); one index operation copies each sample's
    # own.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    top = integers(key, Draw.SHIFT_Y, 2 * pad_y + 1)
    left = integers(key, Draw.SHIFT_X, 2 * pad_x + 1)
    return windows[torch.arange(len(x), device=x.device), :, top, left]


def rotate_and_scale(x: Tensor, key: Tensor, radians: float, fraction: float) -> Tensor:
    angle = radians * _around_zero(key, Draw.ANGLE)
    size = 1 + fraction * _around_zero(key, Draw.SCALE)
    cos, sin, zero = angle.cos() / size, angle.sin() / size, torch.zeros_like(angle)
    matrix = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def light(x: Tensor, key: Tensor, brightness: float, contrast: float) -> Tensor:
    gain, shine = 1 + contrast * _around_zero(key, Draw.CONTRAST), 1 + brightness * _around_zero(key, Draw.BRIGHTNESS)
    return _lit(x, gain, shine)


def _lit(x: Tensor, gain: Tensor, shine: Tensor) -> Tensor:
    """Contrast and brightness, each a factor (B,)."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (((x - mean) * _per_picture(gain) + mean) * _per_picture(shine)).clamp(0, 1)


def saturate(x: Tensor, gain: Tensor) -> Tensor:
    """Colours further from the grey of their pixel, or nearer to it, by a factor (B,)."""
    grey = x.mean(dim=1, keepdim=True)
    return ((x - grey) * _per_picture(gain) + grey).clamp(0, 1)


def random_operations(x: Tensor, key: Tensor, count: int, magnitude: float) -> Tensor:
    """So many operations of each picture's own, one after the other; none waits for the device."""
    for slot in range(count):
        own = fold(fold(key, Draw.OPERATION), slot)
        chosen, strength = integers(own, 0, len(Operation)), magnitude * _around_zero(own, 1)
        amounts = {
            each: torch.where(chosen == each, strength * most, 0.0)
            for each, most in zip(Operation, (math.pi / 6, 0.3, 0.3, 0.6, 0.6, 0.9, 0.9, 0.9, 1.0, 0.0), strict=True)
        }
        x = torch.where(_per_picture(chosen <= Operation.SHIFT_Y), _moved(x, amounts), x)
        lit = _lit(x, 1 + amounts[Operation.CONTRAST], 1 + amounts[Operation.BRIGHTNESS])
        lit = saturate(lit, 1 + amounts[Operation.SATURATION])
        coloured = (chosen >= Operation.BRIGHTNESS) & (chosen <= Operation.SATURATION)
        x = torch.where(_per_picture(coloured), lit, x)
        bright = x > _per_picture(1 - amounts[Operation.SOLARIZE].abs())
        x = torch.where(bright & _per_picture(chosen == Operation.SOLARIZE), 1 - x, x)
    return x


def _moved(x: Tensor, amounts: dict[Operation, Tensor]) -> Tensor:
    """Rotated by radians, sheared, and shifted by fractions of the half side: of each picture one is not zero."""
    cos, sin = amounts[Operation.ROTATE].cos(), amounts[Operation.ROTATE].sin()
    rows = [cos, amounts[Operation.SHEAR_X] - sin, amounts[Operation.SHIFT_X]]
    rows += [amounts[Operation.SHEAR_Y] + sin, cos, amounts[Operation.SHIFT_Y]]
    grid = F.affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def cutout(x: Tensor, key: Tensor, fraction: float) -> Tensor:
    """Hide a square, which may hang over the border, under the picture's own mean colour."""
    hidden = _box(x, uniform(key, Draw.CUTOUT_Y), uniform(key, Draw.CUTOUT_X), torch.full(key.shape, fraction).to(x))
    return torch.where(hidden, x.mean(dim=(2, 3), keepdim=True), x)


def mixup(x: Tensor, y: Tensor, key: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    own = beta(key, Draw.MIX, alpha)
    x = torch.lerp(x.roll(1, 0), x, _per_picture(own))
    return x, torch.lerp(y.roll(1, 0), y, own[:, None])


def cutmix(x: Tensor, y: Tensor, key: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    side = (1 - beta(key, Draw.MIX, alpha)).sqrt()
    foreign = _box(x, uniform(key, Draw.CUT_Y), uniform(key, Draw.CUT_X), side)
    own = 1 - foreign.float().mean(dim=(1, 2, 3))  # of the area that is left: the box may hang over the border
    return torch.where(foreign, x.roll(1, 0), x), torch.lerp(y.roll(1, 0), y, own[:, None])


def _box(x: Tensor, y_centre: Tensor, x_centre: Tensor, side: Tensor) -> Tensor:
    """Where a box lies; centre and side are fractions (B,): bool (B, 1, H, W)."""
    inside = []
    for centre, length in ((y_centre, x.shape[-2]), (x_centre, x.shape[-1])):
        pixels = (torch.arange(length, device=x.device) + 0.5) / length
        inside.append((pixels - centre[:, None]).abs() < side[:, None] / 2)
    rows, columns = inside
    return (rows[:, :, None] & columns[:, None, :])[:, None]
