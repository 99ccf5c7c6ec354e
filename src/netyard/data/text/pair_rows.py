"""Parallel texts: a table of two columns, or two files whose lines belong together. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from netyard.data.tables.csv_reader import read_table, typed
from netyard.data.tables.file_text import read_text
from netyard.errors import DataError

_EXPECTED = "a file with a pair in each line, separated by a tab, or a .csv file with two columns"
_NAMES = frozenset(
    (
        *("source", "target", "src", "tgt", "trg", "input", "output", "question", "answer", "original", "translation"),
        *("english", "german", "french", "spanish", "italian", "dutch", "polish", "russian", "chinese", "japanese"),
        *("en", "de", "fr", "es", "it", "nl", "pl", "ru", "zh", "ja", "pt", "eng", "deu", "fra", "spa", "ita", "rus"),
        *("text", "sentence", "id", "label"),
    )
)


@dataclass
class Pairs:
    """Sources and targets in the order of the file."""

    place: str
    sources: list[str]
    targets: list[str]
    left_out: list[tuple[str, int, str]] = field(default_factory=list)
    """What is not used: (what, count, why)."""
    notes: list[str] = field(default_factory=list)
    """What was guessed of the file, as sentences."""


def read_pairs(
    path: Path,
    target_path: Path | None = None,
    source: str | None = None,
    target: str | None = None,
    key: str = "data.path",
    encoding: str | None = None,
) -> Pairs:
    """Pairs of a file; those with an empty side are left out.

    Args:
        target_path: a file whose lines are the targets of the lines of ``path``; None: ``path`` has both.
        source: the column of the sources; None: the first.
        target: the column of the targets; None: the second.

    Raises:
        DataError: a file cannot be read; there is no such column; the files have different numbers of lines; no pair.
    """
    found = Pairs(str(path), [], [])
    if target_path is not None:
        columns = [_lines(each, key, encoding) for each in (path, target_path)]
        if len(columns[0]) != len(columns[1]):
            raise DataError(
                f"{path} has {len(columns[0]):,} lines, and {target_path} has {len(columns[1]):,};",
                "line n of the second is the translation of line n of the first;",
                "repair the files, or join them with a tab: paste SOURCE TARGET > pairs.tsv.",
            )
        found.place = f"{path} and {target_path}"
    elif path.name.lower().endswith((".csv", ".csv.gz")):
        columns = _table(path, source, target, key, encoding)
    else:
        columns = _tabbed(path, source, target, key, encoding, found)
    pairs = [(one.strip(), two.strip()) for one, two in zip(*columns, strict=True)]
    kept = [(one, two) for one, two in pairs if one and two]
    if len(kept) < len(pairs):
        found.left_out.append(("pairs", len(pairs) - len(kept), "a side is empty"))
    if not kept:
        raise DataError(f"{found.place} has no pairs;", f"{key} is {_EXPECTED};", f"try {key}=FILE.")
    found.sources, found.targets = [one for one, _ in kept], [two for _, two in kept]
    return found


def is_header(cells: list[str]) -> bool:
    """Whether the first line names the columns: each cell is a usual name, such as ``source`` or ``en``."""
    return len(cells) > 1 and all(cell.strip().lower() in _NAMES for cell in cells[:2])


def _lines(path: Path, key: str, encoding: str | None) -> list[str]:
    text, _ = read_text(path, key, encoding, expected=_EXPECTED)
    return text.removesuffix("\n").split("\n")


def _table(path: Path, source: str | None, target: str | None, key: str, encoding: str | None) -> list[list[str]]:
    first = read_text(path, key, encoding, expected=_EXPECTED)[0].split("\n", 1)[0]
    named = source is not None or target is not None or is_header(first.replace('"', "").split(","))
    table = read_table(path, key, encoding, header=named)
    names = [*table.columns]
    if len(names) < 2:
        raise DataError(f"{path} has one column;", f"{key} is {_EXPECTED};", f"try {key}=FILE.tsv.")
    wanted = [
        source or next(name for name in names if name != target),
        target or next(name for name in names if name not in (source, names[0] if source is None else None)),
    ]
    return [table.column(name, which) for name, which in zip(wanted, ("source", "target"), strict=True)]


def _tabbed(
    path: Path, source: str | None, target: str | None, key: str, encoding: str | None, found: Pairs
) -> list[list[str]]:
    """The columns of a file with tabs, in which quotes have no meaning: sentences begin with them."""
    lines = [line for line in _lines(path, key, encoding) if line.strip()]
    rows = [[_unquoted(cell) for cell in line.split("\t")] for line in lines]
    if not rows:
        raise DataError(f"{path} has no pairs;", f"{key} is {_EXPECTED};", f"try {key}=FILE.")
    names = rows[0] if source is not None or target is not None or is_header(rows[0]) else []
    rows = rows[1:] if names else rows
    places = []
    for which, name, place in (("source", source, 0), ("target", target, 1)):
        if name is not None and name not in names:
            raise DataError(
                f"{path} has no column {name!r};",
                f"its first line has {', '.join(names[:10])};",
                f"try {typed(which, names[min(place, len(names) - 1)])}.",
            )
        places.append(place if name is None else names.index(name))
    short = [number for number, row in enumerate(rows, start=1 + bool(names)) if len(row) <= max(places)]
    if len(short) > len(rows) / 2:
        raise DataError(
            f"line {short[0]} of {path} has no tab;", f"{key} is {_EXPECTED};", "or two files: data.target_path=FILE."
        )
    if short:
        found.left_out.append(("lines", len(short), "without a tab"))
        rows = [row for row in rows if len(row) > max(places)]
    if names:
        found.notes.append(f"the first line names the columns {names[places[0]]!r} and {names[places[1]]!r}")
    return [[row[place] for row in rows] for place in places]


def _unquoted(cell: str) -> str:
    """A cell as spreadsheets quote it: in quotes, with inner ones doubled."""
    inner = cell.strip()[1:-1]
    quoted = len(cell.strip()) > 1 and cell.strip()[0] == cell.strip()[-1] == '"'
    return inner.replace('""', '"') if quoted and '"' in inner and '"' not in inner.replace('""', "") else cell
