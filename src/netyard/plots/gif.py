"""Encodes frames as an animated GIF."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from netyard.errors import ArgumentError
from netyard.io.atomic import open_atomically

MAX_SIDE = 320  # pixels of the longer side of a frame; larger frames are scaled down
MIN_SIDE = 160  # smaller frames are enlarged by a whole factor up to this size


def gif(frames: Sequence[Any], milliseconds: int = 40) -> bytes:
    """Encode frames, uint8 arrays (H, W, 3), as a GIF that repeats forever.

    Raises:
        ArgumentError: there is no frame.
    """
    if not len(frames):
        raise ArgumentError(
            "there are no frames;",
            "an animation needs one or more;",
            "try an episode of at least one step.",
        )
    images = [_resized(Image.fromarray(frame)) for frame in frames]
    # One palette for all frames, since a palette for each frame takes longer and flickers. The middle frame is more
    # typical of an episode than the first.
    palette = images[len(images) // 2].quantize(128, method=Image.Quantize.FASTOCTREE)
    # Without dithering: its noise would differ from frame to frame and make the file larger.
    first, *rest = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in images)
    file = BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)  # 0: forever
    return file.getvalue()


def write_gif(content: bytes, path: str | Path) -> None:
    """Write the bytes of a GIF atomically: a reader of ``path`` never sees an incomplete file."""
    with open_atomically(path, "wb") as file:
        file.write(content)


def _resized(image: Image.Image) -> Image.Image:
    """Scale a frame to a longer side between ``MIN_SIDE`` and ``MAX_SIDE``, as far as whole factors allow."""
    longer = max(image.size)
    if longer > MAX_SIDE:
        return image.resize(
            tuple(round(side * MAX_SIDE / longer) for side in image.size),  # type: ignore[arg-type]
            Image.Resampling.BOX,  # the mean of the pixels: thin lines stay visible
        )
    scale = MIN_SIDE // longer
    if scale > 1:  # pixels of a grid world stay sharp squares
        return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    return image
