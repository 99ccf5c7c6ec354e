"""The first lines of a CSV file: where the names of the columns are, and what separates the cells."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_DELIMITERS = ",;\t|"
_SAMPLED_LINES = 20  # enough to see whether spaces separate the cells of every line
_SAMPLED_ROWS = 1000  # enough to see whether the name of a column is one of its values
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?')  # the first line of a file for Excel
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DECIMAL = re.compile(r"[+-]?\d*[.,]\d+(?:[eE][+-]?\d+)?")


def start_of(lines: Sequence[str], skipped: list[tuple[str, int, str]]) -> tuple[int, str | None]:
    """The number of lines before that of the names, and the delimiter; None: there is a single column.

    Args:
        skipped: gets what is left out, (what, count, why).
    """
    start = 0
    while start < len(lines) - 1 and not lines[start].strip():
        start += 1
    match = _SEPARATOR_LINE.fullmatch(lines[start].strip())
    start += match is not None
    if comments := _comments(lines, start):
        skipped.append(("lines of comments", comments, "they begin with #"))
        start += comments
    if match:
        return start, match[1]
    if _is_title(lines, start):
        skipped.append(("line", 1, "a title above the names of the columns"))
        start += 1
    names = _outside_quotes(_record(lines, start))
    # By the line of names only: commas are frequent in the texts of a file with another delimiter.
    delimiter = max(_DELIMITERS, key=names.count)
    if names.count(delimiter):
        return start, delimiter
    sample = [line.split() for line in lines[start : start + _SAMPLED_LINES] if line.strip()]
    spaced = len(sample) > 1 and len(sample[0]) > 1 and '"' not in names and len({*map(len, sample)}) == 1
    return start, " " if spaced else None


def is_row(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line is a row like the others, so that the file does not name its columns."""
    if not rows or len(names) < 2:
        return False
    sample = rows[:_SAMPLED_ROWS]
    # Of a wide table the first and the last columns are enough.
    places = [*range(len(names))] if len(names) <= _SAMPLED_LINES else [*range(_SAMPLED_LINES), len(names) - 1]
    numbers = [place for place in places if number_of(names[place]) is not None]
    # Over a column of numbers a name with a decimal point is a number; 0, 1, 2 and years are names, too.
    decimals = [
        place
        for place in numbers
        if _DECIMAL.fullmatch(names[place]) and all(number_of(row[place] or "0") is not None for row in sample)
    ]
    words = [place for place in places if place not in numbers and names[place]]
    values = [place for place in words if any(row[place] == names[place] for row in sample)]
    if decimals:
        # Names in ascending order may be wavelengths; a word that is a value of its own column is none.
        given = [float(names[place]) for place in numbers]
        unordered = sorted(given) not in (given, given[::-1])
        return bool(values) or (
            not words and (unordered or _is_within(given, [[row[place] for row in sample] for place in numbers]))
        )
    return len(values) > 1 and len(values) == len(words)


def number_of(text: str) -> float | None:
    """The number that a text is; None if it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _comments(lines: Sequence[str], start: int) -> int:
    """The number of lines from ``start`` that are comments; names of columns may begin with #, too."""
    after = next((place for place in range(start, len(lines)) if not lines[place].startswith("#")), start)
    if after == start:
        return 0
    cells = _cells(lines[after])
    # NumPy writes the names after #, above rows of numbers.
    named = _cells(lines[after - 1]) == cells and all(number_of(cell) is not None for cell in _split(lines[after]))
    if named:
        return after - 1 - start
    is_comment = lines[start].startswith(("# ", "##")) or max(map(_cells, lines[start:after])) < cells
    return after - start if is_comment else 0


def _split(line: str) -> list[str]:
    return line.split(max(_DELIMITERS, key=line.count))


def _is_title(lines: Sequence[str], start: int) -> bool:
    """Whether a line is a single cell above names and rows that have several."""
    rest = [line for line in lines[start + 1 : start + 1 + _SAMPLED_LINES] if line.strip()]
    if _cells(lines[start]) > 1 or lines[start].count('"') % 2 or len(rest) < 2:
        return False
    delimiter = max(_DELIMITERS, key=_outside_quotes(rest[0]).count)
    counts = {_outside_quotes(line).count(delimiter) for line in rest}
    # Names are no numbers: the cells of a single column may have a decimal comma each.
    return len(counts) == 1 and 0 not in counts and not any(number_of(cell) for cell in rest[0].split(delimiter))


def _record(lines: Sequence[str], start: int) -> str:
    """The lines of the first row: a quoted name may have line breaks."""
    text = lines[start]
    for line in lines[start + 1 : start + 1 + _SAMPLED_LINES]:
        if text.count('"') % 2 == 0:
            break
        text += "\n" + line
    return text


def _outside_quotes(text: str) -> str:
    return _QUOTED.sub('""', text)


def _cells(line: str) -> int:
    return max(_outside_quotes(line).count(delimiter) for delimiter in _DELIMITERS) + 1


def _is_within(numbers: Sequence[float], columns: Sequence[Sequence[str]]) -> bool:
    """Whether most numbers are about as large as the cells of their columns."""
    inside = 0
    for number, cells in zip(numbers, columns, strict=True):
        values = [value for cell in cells if (value := number_of(cell)) is not None] or [math.nan]
        spread = max(values) - min(values)
        inside += min(values) - spread <= number <= max(values) + spread
    return inside > 0.8 * len(numbers)
