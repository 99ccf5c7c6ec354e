"""Frames as an animated GIF."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from netyard.errors import ArgumentError
from netyard.io.atomic import open_atomically

WIDEST = 320  # pixels of a frame's longer side; larger ones are made smaller
SMALLEST = 160  # ... and smaller ones larger


def gif(frames: Sequence[Any], milliseconds: int = 40) -> bytes:
    """Frames, uint8 (H, W, 3) arrays, one after another and again from the beginning; as the bytes of a GIF.

    Raises:
        ArgumentError: there is no frame.
    """
    if not len(frames):
        raise ArgumentError(
            "there are no frames;",
            "an animation needs one or more;",
            "try an episode of at least one step.",
        )
    pictures = [_fitting(Image.fromarray(frame)) for frame in frames]
    # One palette for all frames: a palette for each takes longer and flickers.
    palette = pictures[len(pictures) // 2].quantize(128, method=Image.Quantize.FASTOCTREE)
    first, *rest = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures)
    file = BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return file.getvalue()


def write_gif(content: bytes, path: str | Path) -> None:
    """Write it whole: a reader of ``path`` never sees half a file."""
    with open_atomically(path, "wb") as file:
        file.write(content)


def _fitting(picture: Image.Image) -> Image.Image:
    longer = max(picture.size)
    if longer > WIDEST:
        return picture.resize(
            tuple(round(side * WIDEST / longer) for side in picture.size),  # type: ignore[arg-type]
            Image.Resampling.BOX,
        )
    scale = SMALLEST // longer
    if scale > 1:
        return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    return picture
