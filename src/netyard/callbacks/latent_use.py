"""The KL divergence of each dimension of a variational code, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from netyard.plots.dashboard import as_tensor
from netyard.plots.figure import ACCENT, SOFT, colour, marks, pixels, room_for

MOST = 128  # bars: more would be narrower than a few pixels
WIDEST = 48  # pixels that a bar and the gap after it take
TOP, RIGHT, BOTTOM = 40, 20, 44  # pixels around the axes


def latent_kl_picture(kl: Tensor, active: Tensor, width: int = 720, height: int = 320) -> Tensor:
    """The KL of each dimension in nats, and whether it is active, both (D,), as bars; (3, height, width) uint8.

    The largest come first. Active ones are in colour. Of very many only the largest are drawn, and all are counted.
    """
    kl, active = kl.detach().float().cpu().nan_to_num(0.0, 0.0, 0.0).clamp(min=0), active.cpu()
    order = kl.argsort(descending=True)[:MOST].tolist()
    ticks = marks(0.0, float(kl.max()) or 1.0)
    left = room_for(ticks[1])
    title = f"KL in nats: {float(kl.sum()):.3g} in all; {int(active.sum())} of {len(kl)} active"
    below = "dimension of the code" if len(order) == len(kl) else f"the {MOST} largest of {len(kl)} dimensions"
    paint = partial(_paint, kl, active, order, ticks, (width - left - RIGHT) / WIDEST, title, below)
    return as_tensor(pixels(paint, width, height, (left, TOP, RIGHT, BOTTOM)))


def _paint(
    kl: Tensor,
    active: Tensor,
    order: Sequence[int],
    ticks: tuple[list[float], list[str]],
    widest: float,
    title: str,
    below: str,
    axes: Any,
) -> None:
    """``widest`` is for how many bars of full width there is room."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    heights = [float(kl[dimension]) for dimension in order]
    shades = [colour(ACCENT if active[dimension] else SOFT) for dimension in order]
    # One collection and plain texts: a patch and a tick for each bar take three times as long to draw.
    corners = [[(at - 0.4, 0), (at - 0.4, up), (at + 0.4, up), (at + 0.4, 0)] for at, up in enumerate(heights)]
    axes.add_collection(PolyCollection(corners, facecolors=shades, edgecolors="none"), autolim=False)
    room = max(len(order), widest)
    axes.set_xlim(-0.5, room - 0.5)
    axes.set_ylim(0, float(kl.max()) or 1.0)
    axes.set_xticks([])
    axes.set_yticks(*ticks)
    # Every dimension has its number, or none has: some of them would look as if the others were between.
    if room * (7.3 * len(str(max(order))) + 4) <= widest * WIDEST:
        for at, dimension in enumerate(order):
            axes.text(at, -0.02, dimension, transform=axes.get_xaxis_transform(), ha="center", va="top")
    axes.set_xlabel(below, labelpad=16)
    axes.grid(axis="y")
    kinds = [Patch(color=colour(shade), label=name) for name, shade in (("active", ACCENT), ("inactive", SOFT))]
    axes.legend(handles=kinds, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, handlelength=0.8)
    axes.set_title(title, loc="right")
