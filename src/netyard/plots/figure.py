"""The common style of all plots: matplotlib with the colours of the report pages.

Matplotlib is imported only when something is drawn, and pyplot never: it keeps its figures in memory and may need a
display. This module does not import torch, because reports start without it.
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
DARK, WHITE, ACCENT = (32, 33, 36), (255, 255, 255), (26, 95, 180)
LIGHT_GREY, GREY = (225, 226, 230), (150, 152, 158)
# Blue, orange, green, purple, olive and grey of about the same lightness: each has a contrast of 3 : 1 or more with
# white and with the dark surface of a page, and neighbours differ for eyes that do not see red or green.
PALETTE = ("#2f74d0", "#c8660a", "#1b8a6b", "#9b4fb5", "#7d7f2a", "#777d88")
DOTS_PER_INCH = 120
PIXELS = 100  # dots per inch of plots whose size is given in pixels
LINE = 0.7  # width of axes and grid lines in points


def colour(rgb: tuple[int, int, int]) -> str:
    """Return a colour as the hexadecimal string that matplotlib and CSS accept."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def save(path: Path, plot: Callable[[Any], None], width: float = 6.4) -> Path:
    """Draw a plot into a PNG file atomically; return its path."""
    with open_atomically(path, "wb") as file:
        file.write(png(plot, width))
    return path


def png(plot: Callable[[Any], None], width: float = 6.4) -> bytes:
    """Draw a plot as PNG.

    Args:
        plot: a function that draws into matplotlib axes.
        width: of the image in inches.
    """
    # The constrained layout makes the margins as wide as the labels in them.
    with _canvas(width, 4.2, DOTS_PER_INCH, layout="constrained") as canvas:
        plot(canvas.figure.add_subplot())
        buffer = BytesIO()
        canvas.print_png(buffer)
    return buffer.getvalue()


def pixels(
    plot: Callable[[Any], None], width: int, height: int, margins: tuple[int, int, int, int] | None = None
) -> np.ndarray[Any, Any]:
    """Draw a plot as an image, uint8 (height, width, 3).

    Args:
        plot: a function that draws into matplotlib axes.
        margins: pixels left, top, right and bottom of the axes; None makes them as wide as the labels in them.
    """
    # Fixed margins keep the axes at the same place from epoch to epoch, so that images can be compared in TensorBoard,
    # and take half the time of a layout.
    import numpy as np

    layout = "constrained" if margins is None else None
    with _canvas(width / PIXELS, height / PIXELS, PIXELS, layout) as canvas:
        if margins is None:
            axes = canvas.figure.add_subplot()
        else:
            left, top, right, bottom = margins
            inner_width, inner_height = width - left - right, height - top - bottom
            # Matplotlib measures in fractions of the figure, from its lower left corner.
            box = (left / width, bottom / height, inner_width / width, inner_height / height)
            axes = canvas.figure.add_axes(box)
        plot(axes)
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]  # a copy, without the alpha channel


def escape(text: str) -> str:
    """Escape a name for matplotlib."""
    # Text between two dollar signs would be typeset as a formula, and fail if it is none.
    return text.replace("$", r"\$").replace("\n", " ")


def axis_ticks(low: float, high: float, most: int = 5) -> tuple[list[float], list[str]]:
    """Return round numbers from low to high for the ticks of an axis, and their labels."""
    # Own labels, because matplotlib would write 0, 1, 2 and "+1e6" at the end of the axis.
    from matplotlib.ticker import MaxNLocator

    values = [float(value) for value in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)]
    values = [value for value in values if low <= value <= high]  # the locator goes one tick beyond both ends
    return values, [f"{value:,.10g}" if abs(value) >= 1e4 else f"{value:.10g}" for value in values]


def label_width(labels: list[str]) -> int:
    """Return the margin in pixels that these labels of a y axis need."""
    # A digit is about 7.3 pixels wide at this font size; 20 pixels are for the tick mark and padding.
    return 20 + round(7.3 * max(map(len, labels), default=0))


@contextmanager
def _canvas(width: float, height: float, dots_per_inch: int, layout: Any) -> Iterator[Any]:
    """Yield an empty figure in the common style, independent of the user's matplotlibrc."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = _style()  # matplotlib's stubs require every key as a literal
    # rc_context restores the settings of a notebook that draws its own plots.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(style)
        yield FigureCanvasAgg(Figure(figsize=(width, height), dpi=dots_per_inch, layout=layout))


def _style() -> dict[str, Any]:
    from cycler import cycler  # a dependency of matplotlib, which no longer re-exports it

    dark, grey, light_grey = colour(DARK), colour(GREY), colour(LIGHT_GREY)
    return {
        "font.size": 9,
        "text.color": dark,
        "axes.labelcolor": dark,
        "axes.edgecolor": grey,
        "axes.linewidth": LINE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(linestyle=["-", "--"]) * cycler(color=PALETTE),
        "grid.color": light_grey,
        "grid.linewidth": LINE,
        "xtick.color": grey,
        "ytick.color": grey,
        "xtick.labelcolor": dark,
        "ytick.labelcolor": dark,
        "xtick.major.width": LINE,
        "ytick.major.width": LINE,
        "lines.linewidth": 1.6,
        "legend.frameon": False,
        "legend.fontsize": 8,
    }
