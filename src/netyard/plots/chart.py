"""One pair of axes as a PNG file, drawn by matplotlib. Knows no torch, which a report does without."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from netyard.io.atomic import whole

DOTS_PER_INCH = 120


def save(path: Path, paint: Callable[[Any], None], width: float = 6.4) -> Path:
    """Draw one pair of axes into a PNG file; returns its path."""
    with whole(path, "wb") as file:
        file.write(png(paint, width))
    return path


def png(paint: Callable[[Any], None], width: float = 6.4) -> bytes:
    """One pair of axes as a PNG."""
    # Not pyplot: its figures live on in the process, and it would ask for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 4.2), layout="constrained", dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    paint(axes)
    drawn = BytesIO()
    canvas.print_png(drawn)
    return drawn.getvalue()
