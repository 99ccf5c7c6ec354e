"""The common style of all plots: matplotlib with the colours of the report pages.

Matplotlib is imported when something is drawn, and never pyplot: it keeps its figures in memory, and may need a
display. Imports no torch, for reports start without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netyard.io.atomic import open_atomically

if TYPE_CHECKING:
    import numpy as np

# sRGB, 0 to 255.
INK, PAPER, ACCENT = (32, 33, 36), (255, 255, 255), (26, 95, 180)
FAINT, SOFT = (225, 226, 230), (150, 152, 158)
DOTS_PER_INCH = 120
PIXELS = 100  # dots per inch of what is drawn to a size in pixels
LINE = 0.7  # points of an axis; others are multiples


def colour(rgb: tuple[int, int, int]) -> str:
    """A colour as matplotlib and CSS take it."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def save(path: Path, paint: Callable[[Any], None], width: float = 6.4) -> Path:
    """Draw one pair of axes into a PNG file; returns its path."""
    with open_atomically(path, "wb") as file:
        file.write(png(paint, width))
    return path


def png(paint: Callable[[Any], None], width: float = 6.4) -> bytes:
    """One pair of axes, so many inches wide, as a PNG; its margins are as wide as what stands in them."""
    with _canvas(width, 4.2, DOTS_PER_INCH, layout="constrained") as canvas:
        paint(canvas.figure.add_subplot())
        drawn = BytesIO()
        canvas.print_png(drawn)
    return drawn.getvalue()


def pixels(
    paint: Callable[[Any], None], width: int, height: int, margins: tuple[int, int, int, int] | None = None
) -> np.ndarray[Any, Any]:
    """One pair of axes  ->  a picture, uint8 (height, width, 3).

    Args:
        margins: pixels left, above, right and below. They keep the axes where they are from epoch to epoch, and are
            drawn in half the time of margins that are as wide as what stands in them, which None asks for.
    """
    import numpy as np

    layout = "constrained" if margins is None else None
    with _canvas(width / PIXELS, height / PIXELS, PIXELS, layout) as canvas:
        if margins is None:
            axes = canvas.figure.add_subplot()
        else:
            left, top, right, bottom = margins
            across, up = width - left - right, height - top - bottom
            axes = canvas.figure.add_axes((left / width, bottom / height, across / width, up / height))
        paint(axes)
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]


def plain(text: str) -> str:
    """Escape a name for matplotlib, which would typeset text between two dollar signs as a formula."""
    return text.replace("$", r"\$").replace("\n", " ")


def marks(low: float, high: float, most: int = 5) -> tuple[list[float], list[str]]:
    """Round numbers from low to high for an axis, and their labels, without matplotlib's common offset."""
    from matplotlib.ticker import MaxNLocator

    places = [float(place) for place in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)]
    places = [place for place in places if low <= place <= high]
    return places, [f"{place:.10g}" for place in places]


def room_for(labels: list[str]) -> int:
    """Pixels left of an axis with these labels."""
    return 20 + round(7.3 * max(map(len, labels), default=0))


@contextmanager
def _canvas(width: float, height: float, dots_per_inch: int, layout: Any) -> Iterator[Any]:
    """An empty figure in our style, whatever the user's own matplotlibrc says."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = _style()  # matplotlib's stubs want every key as a literal
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style)
        yield FigureCanvasAgg(Figure(figsize=(width, height), dpi=dots_per_inch, layout=layout))


def _style() -> dict[str, Any]:
    from cycler import cycler  # a dependency of matplotlib, which no longer re-exports it

    ink, soft, faint = colour(INK), colour(SOFT), colour(FAINT)
    return {
        "font.size": 9,
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": soft,
        "axes.linewidth": LINE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=[colour(ACCENT), ink, soft, "#8a5a00", "#2c7a4b", "#813d9c"]),
        "grid.color": faint,
        "grid.linewidth": LINE,
        "xtick.color": soft,
        "ytick.color": soft,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "xtick.major.width": LINE,
        "ytick.major.width": LINE,
        "lines.linewidth": 1.6,
        "legend.frameon": False,
        "legend.fontsize": 8,
    }
