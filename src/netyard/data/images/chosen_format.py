"""The size and the channels of images, chosen by their files, and what to say of them. Does not import torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from netyard.data.images.inspection import Inspected, Inspection
from netyard.ranges.constraint import written
from netyard.ranges.image_size import shortest

LARGEST_SIDE = 256
"""Of images whose size is chosen: networks that make photographs as large as a camera does need more memory."""
_ENLARGED = 2  # times in each direction, from which on it is said


def size_of(sizes: Sequence[tuple[int, int]]) -> tuple[int | list[int], str]:
    """The size of images, as ``data.image_size``, and a sentence about it.

    That of most files; if none is that of at least a half, the median of heights and of widths. Of larger images than
    ``LARGEST_SIDE`` the proportions stay.

    Args:
        sizes: width and height of each file.
    """
    ((width, height), most) = Counter(sizes).most_common(1)[0]
    origin = "that of the files" if most == len(sizes) else f"that of {most:,} of {len(sizes):,} files"
    if 2 * most < len(sizes):
        width, height = (round(median(each)) for each in zip(*sizes, strict=True))
        origin = "the median of the files"
    # Files of one size that differ from the chosen one in scale alone are not cut.
    cut = sum(abs(w * height - h * width) > max(w, h, width, height) for w, h in sizes)
    if max(width, height) > LARGEST_SIDE:
        scale = LARGEST_SIDE / max(width, height)
        origin += f" of {width} x {height}, made smaller"
        width, height = (max(round(side * scale), 1) for side in (width, height))
    chosen = shortest(height, width)
    note = f"trained at {width} x {height} pixels, {origin}"
    if cut:
        note += f"; of {cut:,} with other proportions the sides are cut off"
    return chosen, f"{note} (data.image_size={written(chosen)})"


def channels_of(seen: Sequence[Inspected]) -> tuple[int, str]:
    """The number of channels, 1 if all files are grey, and a sentence about it."""
    if all(each.grey for each in seen):
        return 1, "read as grey, as all files are (data.channels=1)"
    return 3, ""


def remarks_on(seen: Inspection, size: tuple[int, int]) -> list[str]:
    """What to say of files that are read at a size, height and width: transparency, enlargement."""
    found = []
    if clear := sum(each.transparent for each in seen.intact):
        found.append(f"{clear:,} image{'s' * (clear > 1)} with transparency, read over white")
    sizes = sorted((each.size for each in seen.intact), key=lambda each: each[0] * each[1])
    if sizes:
        width, height = sizes[len(sizes) // 2]
        if min(size[0] / max(height, 1), size[1] / max(width, 1)) >= _ENLARGED:
            times = size[0] * size[1] / (width * height)
            found.append(
                f"images of {width} x {height} are enlarged to {size[1]} x {size[0]}, {times:.0f} times the pixels"
                f" (data.image_size={written(shortest(height, width))} or null: their own size)"
            )
    return found
