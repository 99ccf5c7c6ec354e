"""A table with numbers, texts and labels, and the samples of its splits."""

from __future__ import annotations

from collections import Counter

from netyard.data.core.module import DataModule


def samples(data: DataModule, part: str) -> Counter[tuple[bytes, bytes]]:
    """Count the samples of a split."""
    split = data.split(part)
    return Counter((x.numpy().tobytes(), y.numpy().tobytes()) for x, y in zip(split.x, split.y, strict=True))


def table(rows: int = 60) -> str:
    lines = ["age,city,text,label,income"]
    for row in range(rows):
        words = f"a {['good', 'bad', 'dull'][row % 3]} film number{row}"
        lines.append(f"{row},{['Rome', 'Oslo'][row % 2]},{words},{['pos', 'neg', 'neg'][row % 3]},{1000.5 * row}")
    return "\n".join(lines) + "\n"
