"""Bar chart of the KL divergence of each latent dimension of a VAE, which shows unused (collapsed) dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from netyard.plots.dashboard import as_tensor
from netyard.plots.figure import ACCENT, GREY, axis_ticks, colour, label_width, pixels

MAX_BARS = 128  # more would be narrower than a few pixels
BAR_WIDTH = 48  # pixels of a bar and the gap after it, at most
TOP, RIGHT, BOTTOM = 40, 20, 44  # pixels around the axes


def latent_kl_picture(kl: Tensor, active: Tensor, width: int = 720, height: int = 320) -> Tensor:
    """Plot the KL of each dimension in nats, and whether it is active, both (D,), as bars; (3, height, width) uint8.

    The largest bars come first, active dimensions in colour. At most ``MAX_BARS`` bars are drawn; the sum and the count
    in the title are of all dimensions.
    """
    # A diverged network has NaN or infinite KL. A KL divergence is never negative except by rounding.
    kl, active = kl.detach().float().cpu().nan_to_num(0.0, 0.0, 0.0).clamp(min=0), active.cpu()
    order = kl.argsort(descending=True)[:MAX_BARS].tolist()
    ticks = axis_ticks(0.0, float(kl.max()) or 1.0)
    left = label_width(ticks[1])
    title = f"KL in nats: {float(kl.sum()):.3g} in total; {int(active.sum())} of {len(kl)} active"
    x_label = "latent dimension" if len(order) == len(kl) else f"the {MAX_BARS} largest of {len(kl)} dimensions"
    plot = partial(_plot, kl, active, order, ticks, (width - left - RIGHT) / BAR_WIDTH, title, x_label)
    return as_tensor(pixels(plot, width, height, (left, TOP, RIGHT, BOTTOM)))


def _plot(
    kl: Tensor,
    active: Tensor,
    order: Sequence[int],
    ticks: tuple[list[float], list[str]],
    max_bars: float,
    title: str,
    x_label: str,
    axes: Any,
) -> None:
    """``max_bars`` is the number of bars of full width that fit side by side."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    heights = [float(kl[dimension]) for dimension in order]
    shades = [colour(ACCENT if active[dimension] else GREY) for dimension in order]
    # One collection of rectangles and plain texts: axes.bar draws a patch and a tick per bar, in three times the time.
    corners = [[(at - 0.4, 0), (at - 0.4, up), (at + 0.4, up), (at + 0.4, 0)] for at, up in enumerate(heights)]
    axes.add_collection(PolyCollection(corners, facecolors=shades, edgecolors="none"), autolim=False)
    num_places = max(len(order), max_bars)  # few bars do not become wider than BAR_WIDTH
    axes.set_xlim(-0.5, num_places - 0.5)
    axes.set_ylim(0, float(kl.max()) or 1.0)
    axes.set_xticks([])
    axes.set_yticks(*ticks)
    # All dimensions are numbered or none: the bars are sorted by KL, so a reader could not fill in missing numbers.
    # A digit is 7.3 pixels wide; the right side is the width of the axes in pixels.
    if num_places * (7.3 * len(str(max(order))) + 4) <= max_bars * BAR_WIDTH:
        for at, dimension in enumerate(order):
            axes.text(at, -0.02, dimension, transform=axes.get_xaxis_transform(), ha="center", va="top")
    axes.set_xlabel(x_label, labelpad=16)  # below the numbers
    axes.grid(axis="y")
    kinds = [Patch(color=colour(shade), label=name) for name, shade in (("active", ACCENT), ("inactive", GREY))]
    axes.legend(handles=kinds, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, handlelength=0.8)
    axes.set_title(title, loc="right")
