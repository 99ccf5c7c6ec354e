"""Augmentation of whole batches of images on the device, with random numbers from each sample's own key.

The random numbers of a sample depend on its key alone: not on its batch, the rank, or earlier random numbers. Mixing
needs a second sample, and takes the previous one of the batch.
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
from netyard.ranges.signature import check


class Draw(IntEnum):
    """The number of each random draw from a sample's key. Only append: another number for a draw changes every run."""

    SHIFT_Y, SHIFT_X, FLIP, ANGLE, SCALE, BRIGHTNESS, CONTRAST, CUTOUT_Y, CUTOUT_X = range(9)
    MIX, CUT_Y, CUT_X = range(9, 12)
    SATURATION, OPERATION = range(12, 14)


class Operation(IntEnum):
    """The operations that ``random_operations`` chooses from. Only append, as above."""

    ROTATE, SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y, BRIGHTNESS, CONTRAST, SATURATION, SOLARIZE, NOTHING = range(10)


class ImageAugmentation:
    """Random changes of images; a change whose parameter is 0 or false is skipped. False if nothing is changed.

    Images (B, C, H, W) in [0, 1], targets, keys int64 (B,) -> images in [0, 1], targets. If it ``mixes``, the
    targets are float32 (B, num_classes), and each row sums to 1.

    Args:
        crop: whether images that are decoded from files are cropped at random by ``data.crop_scale``, if that is not
            null, and mirrored if ``flip``; this is done by the workers that decode them.
        shift: largest shift, as a fraction of the side; the border is padded with black.
        flip: mirror left and right in half of the samples.
        rotation: largest angle, in degrees.
        scale: largest relative change of size.
        brightness: largest relative change of brightness.
        contrast: largest relative change of contrast.
        saturation: largest relative change of saturation; grey images do not change.
        operations: how many of the ten in ``Operation`` are applied to each image, one after the other, as RandAugment
            does (Cubuk et al. 2019, arXiv:1909.13719).
        magnitude: the largest strength of each of them, up to 1.
        cutout: side of the square that is erased, as a fraction of the side (DeVries & Taylor 2017,
            arXiv:1708.04552).
        mixup: alpha of Beta(alpha, alpha) (Zhang et al. 2017, arXiv:1710.09412).
        cutmix: alpha of Beta(alpha, alpha) (Yun et al. 2019, arXiv:1905.04899).

    Raises:
        ConfigError: a value out of range, or both mixup and cutmix.
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
        crop: bool = True,
    ) -> None:
        check(ImageAugmentation, locals(), "augmentation")
        if mixup and cutmix:
            raise ConfigError(
                f"augmentation.mixup is {mixup} and augmentation.cutmix is {cutmix};",
                "one of them must be 0;",
                "try augmentation.mixup=0.",
            )
        self.shift, self.flip, self.rotation, self.scale = shift, flip, math.radians(rotation), scale
        self.brightness, self.contrast, self.cutout = brightness, contrast, cutout
        self.saturation, self.operations, self.magnitude = saturation, operations, magnitude
        self.mixup, self.cutmix, self.crop = mixup, cutmix, crop

    def __bool__(self) -> bool:
        geometry = self.flip or self.shift or self.rotation or self.scale
        light = self.brightness or self.contrast or self.saturation
        return bool(geometry or light or self.operations or self.cutout or self.mixes)

    @property
    def mixes(self) -> bool:
        """Whether targets become mixtures of classes."""
        return bool(self.mixup or self.cutmix)

    def __call__(self, x: Tensor, y: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        # Geometry before light and colour, which then change the padding like the rest of the image. Mixing comes
        # last: labels are mixed in the proportion of the finished images.
        if self.flip:
            x = flip(x, key)
        if self.shift:
            x = shift(x, key, self.shift)
        if self.rotation or self.scale:
            x = rotate_and_scale(x, key, self.rotation, self.scale)
        if self.brightness or self.contrast:
            x = adjust_light(x, key, self.brightness, self.contrast)
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


def _per_image(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, 1), to broadcast over images."""
    return values[:, None, None, None]


def _around_zero(key: Tensor, draw: int) -> Tensor:
    """Uniform in [-1, 1): (B,)"""
    return 2 * uniform(key, draw) - 1


def flip(x: Tensor, key: Tensor) -> Tensor:
    return torch.where(_per_image(uniform(key, Draw.FLIP) < 0.5), x.flip(-1), x)


def shift(x: Tensor, key: Tensor, fraction: float) -> Tensor:
    height, width = x.shape[-2:]
    pad_y, pad_x = max(round(height * fraction), 1), max(round(width * fraction), 1)
    padded = F.pad(x, (pad_x, pad_x, pad_y, pad_y))
    # A view of every window (B, C, 2 pad_y + 1, 2 pad_x + 1, H, W), which takes no memory; one index operation copies
    # a window for each sample. A loop over samples would start a kernel for each.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    top = integers(key, Draw.SHIFT_Y, 2 * pad_y + 1)
    left = integers(key, Draw.SHIFT_X, 2 * pad_x + 1)
    return windows[torch.arange(len(x), device=x.device), :, top, left]


def rotate_and_scale(x: Tensor, key: Tensor, radians: float, fraction: float) -> Tensor:
    angle = radians * _around_zero(key, Draw.ANGLE)
    size = 1 + fraction * _around_zero(key, Draw.SCALE)
    # affine_grid maps output positions to input positions, so an image grows by a matrix divided by its size.
    cos, sin, zero = angle.cos() / size, angle.sin() / size, torch.zeros_like(angle)
    matrix = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def adjust_light(x: Tensor, key: Tensor, brightness: float, contrast: float) -> Tensor:
    contrasts = 1 + contrast * _around_zero(key, Draw.CONTRAST)
    return _scaled_light(x, contrasts, 1 + brightness * _around_zero(key, Draw.BRIGHTNESS))


def _scaled_light(x: Tensor, contrast: Tensor, brightness: Tensor) -> Tensor:
    """Multiply contrast and brightness by a factor (B,) each."""
    # Contrast scales around the image's own mean, which it leaves as it is; brightness scales around black.
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (((x - mean) * _per_image(contrast) + mean) * _per_image(brightness)).clamp(0, 1)


def saturate(x: Tensor, factor: Tensor) -> Tensor:
    """Multiply the difference of each colour from the grey of its pixel by a factor (B,)."""
    grey = x.mean(dim=1, keepdim=True)
    return ((x - grey) * _per_image(factor) + grey).clamp(0, 1)


def random_operations(x: Tensor, key: Tensor, count: int, magnitude: float) -> Tensor:
    """Apply ``count`` operations to each image, each chosen at random; without a synchronisation with the device."""
    for slot in range(count):
        # A key of its own for each slot, so that the draws of two slots are independent.
        own = fold(fold(key, Draw.OPERATION), slot)
        chosen, strength = integers(own, 0, len(Operation)), magnitude * _around_zero(own, 1)
        # Every operation is computed for the whole batch, and `where` keeps the chosen one of each image: selecting the
        # images of an operation would copy their number to the host. The numbers are the amounts at full strength.
        amounts = {
            each: torch.where(chosen == each, strength * most, 0.0)
            for each, most in zip(Operation, (math.pi / 6, 0.3, 0.3, 0.6, 0.6, 0.9, 0.9, 0.9, 1.0, 0.0), strict=True)
        }
        x = torch.where(_per_image(chosen <= Operation.SHIFT_Y), _moved(x, amounts), x)
        adjusted = _scaled_light(x, 1 + amounts[Operation.CONTRAST], 1 + amounts[Operation.BRIGHTNESS])
        adjusted = saturate(adjusted, 1 + amounts[Operation.SATURATION])
        coloured = (chosen >= Operation.BRIGHTNESS) & (chosen <= Operation.SATURATION)
        x = torch.where(_per_image(coloured), adjusted, x)
        # Solarize inverts the pixels above a threshold; the threshold falls as the strength grows.
        bright = x > _per_image(1 - amounts[Operation.SOLARIZE].abs())
        x = torch.where(bright & _per_image(chosen == Operation.SOLARIZE), 1 - x, x)
    return x


def _moved(x: Tensor, amounts: dict[Operation, Tensor]) -> Tensor:
    """Rotate (radians), shear and shift (fractions of half the side); at most one amount of an image is not 0."""
    cos, sin = amounts[Operation.ROTATE].cos(), amounts[Operation.ROTATE].sin()
    # One matrix for all: with the other amounts 0 it is that of the one chosen operation.
    rows = [cos, amounts[Operation.SHEAR_X] - sin, amounts[Operation.SHIFT_X]]
    rows += [amounts[Operation.SHEAR_Y] + sin, cos, amounts[Operation.SHIFT_Y]]
    grid = F.affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def cutout(x: Tensor, key: Tensor, fraction: float) -> Tensor:
    """Erase a square, which may extend beyond the border, with the mean colour of the image."""
    # The mean colour leaves the image's mean, and so the statistics of batch normalisation, about as they were.
    erased = _box(x, uniform(key, Draw.CUTOUT_Y), uniform(key, Draw.CUTOUT_X), torch.full(key.shape, fraction).to(x))
    return torch.where(erased, x.mean(dim=(2, 3), keepdim=True), x)


def mixup(x: Tensor, y: Tensor, key: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    # Zhang et al. 2017, eq. 1, with the previous sample of the batch as the partner: the order is random already.
    own = beta(key, Draw.MIX, alpha)  # the share of the sample itself
    x = torch.lerp(x.roll(1, 0), x, _per_image(own))
    return x, torch.lerp(y.roll(1, 0), y, own[:, None])


def cutmix(x: Tensor, y: Tensor, key: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    # Yun et al. 2019, eq. 2: the box covers 1 - lambda of the area.
    side = (1 - beta(key, Draw.MIX, alpha)).sqrt()
    foreign = _box(x, uniform(key, Draw.CUT_Y), uniform(key, Draw.CUT_X), side)
    own = 1 - foreign.float().mean(dim=(1, 2, 3))  # measured: the box may extend beyond the border
    return torch.where(foreign, x.roll(1, 0), x), torch.lerp(y.roll(1, 0), y, own[:, None])


def _box(x: Tensor, y_centre: Tensor, x_centre: Tensor, side: Tensor) -> Tensor:
    """Which pixels are in a box, by its centre and side as fractions (B,): bool (B, 1, H, W)."""
    inside = []
    for centre, length in ((y_centre, x.shape[-2]), (x_centre, x.shape[-1])):
        pixels = (torch.arange(length, device=x.device) + 0.5) / length  # centres of the pixels
        inside.append((pixels - centre[:, None]).abs() < side[:, None] / 2)
    rows, columns = inside
    return (rows[:, :, None] & columns[:, None, :])[:, None]
