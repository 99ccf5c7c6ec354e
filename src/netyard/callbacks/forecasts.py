"""A forecast as a picture: what the net saw, what came next, and what it and the seasonal naive forecast said."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from netyard.plots.figure import ACCENT, FAINT, INK, PAPER, SHARPNESS, SOFT, ticks

_PAST_SHOWN = 8  # times the horizon


def forecast_picture(
    past: Tensor, true: Tensor, predicted: Tensor, seasonal_naive: Tensor, width: int = 720, height: int = 400
) -> Tensor:
    """A past (W,) and three futures (H,), in the series' own units, over the steps from now; (3, height, width) uint8.

    Values that are not finite are left out, and so is the beginning of a past that would dwarf the future.
    """
    known = [float(value) for value in past[-max(_PAST_SHOWN * len(true), 40) :]]
    # Each future leaves from the last value known, so that a horizon of one step is a line too.
    futures = [[*known[-1:], *map(float, future)] for future in (seasonal_naive, true, predicted)]
    names, colours = ("seasonal naive", "true", "predicted"), (SOFT, INK, ACCENT)

    everything = torch.tensor([*known, *(value for future in futures for value in future)])
    everything = everything[everything.isfinite()]
    low, high = (float(everything.min()), float(everything.max())) if len(everything) else (0.0, 1.0)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    first, last = 1 - len(known), len(futures[0]) - 1

    canvas = Image.new("RGB", (SHARPNESS * width, SHARPNESS * height), PAPER)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=12 * SHARPNESS)
    values = ticks(low, high, 5)
    labels = [f"{value:.10g}" for value in values]
    left = 16 + max(font.getlength(label) for label in labels) / SHARPNESS
    right, top, bottom = width - 20, 40, height - 44

    def place(step: float, value: float) -> tuple[float, float]:
        across = left + (step - first) / max(last - first, 1) * (right - left)
        up = bottom - (value - low) / (high - low) * (bottom - top)
        return across * SHARPNESS, up * SHARPNESS

    for value, label in zip(values, labels, strict=True):
        pen.line((*place(first, value), *place(last, value)), FAINT, SHARPNESS)
        pen.text((place(first, value)[0] - 8 * SHARPNESS, place(first, value)[1]), label, INK, font, anchor="rm")
    for step in ticks(first, last, 10):
        if step == round(step):
            pen.text((place(step, low)[0], (bottom + 8) * SHARPNESS), f"{step:.0f}", INK, font, anchor="ma")
    pen.text(((left + right) / 2 * SHARPNESS, (height - 6) * SHARPNESS), "steps from now", INK, font, anchor="mb")
    pen.line((*place(0, low), *place(0, high)), SOFT, SHARPNESS)

    _curve(pen, [place(first + index, value) for index, value in enumerate(known)], INK)
    for future, colour in zip(futures, colours, strict=True):
        _curve(pen, [place(step, value) for step, value in enumerate(future)], colour)

    across = left
    for name, colour in zip(reversed(names), reversed(colours), strict=True):
        pen.line([(each * SHARPNESS, 20 * SHARPNESS) for each in (across, across + 20)], colour, 2 * SHARPNESS)
        pen.text(((across + 26) * SHARPNESS, 20 * SHARPNESS), name, INK, font, anchor="lm")
        across += 26 + font.getlength(name) / SHARPNESS + 24
    return pil_to_tensor(canvas.reduce(SHARPNESS))


def _curve(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    """Points joined, where they are finite; a dot on each where there is room for dots."""
    radius = 2.5 * SHARPNESS
    roomy = len(points) < 2 or points[1][0] - points[0][0] > 4 * radius
    for before, after in pairwise(points):
        if math.isfinite(before[1]) and math.isfinite(after[1]):
            pen.line((*before, *after), colour, 2 * SHARPNESS, joint="curve")
    for across, up in points if roomy else []:
        if math.isfinite(up):
            pen.ellipse((across - radius, up - radius, across + radius, up + radius), fill=colour)
