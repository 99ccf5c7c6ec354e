"""Guesses what each column of a table is: a feature, or a row index, identifier, date or text, which is left out.

The user corrects a guess with ``data.drop``, ``data.categories`` and ``data.numbers``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from netyard.data.tables.csv_reader import Table
from netyard.data.tables.numeric_cells import Numbers, Reading, formatted, missing_words

Kind: TypeAlias = Literal[
    "number",
    "category",
    "date left out",
    "identifier left out",
    "row index left out",
    "constant",
    "text",
    "empty",
    "dropped",
    "group",
    "target",
]

_MANY = 20  # fewer rows or different values show nothing
_ALMOST_ALL = 0.95
_WORDS_OF_TEXT = 3.0  # spaces in an average cell
_FEW_CODES = 256

_INDEX_NAME = re.compile(
    r"unnamed.*|index|idx|#|row|rows|rownames|row[ _]?(?:id|index|nr|no|num|number)|level_0|s\.?no\.?|nr\.?|no\.?", re.I
)
_ID_NAME = re.compile(
    r"(?i:(?:.*[_\-. ])?(?:ids?|uuid|guid|pk|identifier|key|index|nr|number|no)|(?:id|uuid)[_\-. ].*)"
    r"|[A-Za-z]*[a-z](?:ID|Id|Nr|No)"
)

_MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*\.?"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?(?: ?(?:z|utc|gmt|[+-]\d{2}:?\d{2}))?"
_DAY = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|"
    rf"\d{{1,2}}\.?[ -]?{_MONTH}[ ,-]*(?:\d{{4}}|\d{{2}})|{_MONTH} \d{{1,2}},? \d{{4}}|{_MONTH} \d{{4}}"
)
_DATE = re.compile(
    rf"(?:{_DAY})(?:[t ,]+{_TIME})?|{_TIME}|\d{{4}}-\d{{2}}|\d{{4}}-?w\d{{1,2}}|\d{{4}}[- ]?q[1-4]", re.I
)
_EIGHT_DIGITS = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


@dataclass
class Guess:
    """What a column is."""

    kind: Kind
    used: bool
    why: str = ""
    """Why it is left out; empty if it is used."""
    facts: dict[str, Any] = field(default_factory=dict)
    """More for the summary, in plain types."""


def guess(table: Table, names: Iterable[str], reading: Reading, chosen: Mapping[str, Kind]) -> dict[str, Guess]:
    """The kind of each column; those in ``chosen`` are what the user says. The columns have been parsed."""
    return {name: _guess(table, name, reading, chosen.get(name)) for name in names}


def _guess(table: Table, name: str, reading: Reading, chosen: Kind | None) -> Guess:
    numbers: Numbers = table.parsed[name]
    cells = table.columns[name]
    is_number = numbers.is_number if chosen is None else chosen == "number"
    missing = numbers.missing if is_number else missing_words(cells, reading)
    facts: dict[str, Any] = {"missing": int(missing.sum())} if missing.any() else {}
    if chosen is not None:
        return Guess(chosen, True, facts={**facts, "chosen": True})
    if missing.all():
        return Guess("empty", False, "it has no value", facts)
    left_out = _number_left_out(name, cells, numbers) if is_number else _words_left_out(name, cells, missing)
    if left_out is not None:
        left_out.facts = {**facts, **left_out.facts}
        return left_out
    if not is_number:
        return Guess("category", True, facts=facts)
    if numbers.codes and len(set(cells)) <= _FEW_CODES:
        return Guess("category", True, facts={**facts, "note": "codes, with leading zeros or an E"})
    if written := formatted(numbers):
        facts["format"] = written
    if note := _note(numbers):
        facts["note"] = note
    return Guess("number", True, facts=facts)


def _number_left_out(name: str, cells: list[str], numbers: Numbers) -> Guess | None:
    """Why a column of numbers is left out; None if it is a feature."""
    values = numbers.present
    if not numbers.missing.any() and len(values) > 1 and (values == values[0]).all():
        return Guess("constant", False, f"every cell is {cells[0]!r}")
    if not numbers.whole or len(numbers.bad) or numbers.unit or len(values) < 2:
        return None
    present = (cell for cell, gap in zip(cells, numbers.missing.tolist(), strict=True) if not gap)
    if all(_EIGHT_DIGITS.fullmatch(cell) for cell in present):
        return Guess("date left out", False, "dates are no features")
    ordered = np.sort(values)
    unique = bool((np.diff(ordered) > 0).all())
    if name.startswith("unnamed_") or name.lower().startswith("unnamed:"):
        # Of a shuffled or filtered frame too; frames that were joined begin anew.
        steps = np.diff(values)
        if unique or bool(((steps == 1) | (values[1:] <= 1)).all()):
            return Guess("row index left out", False, "it counts the rows")
    if unique and _INDEX_NAME.fullmatch(name) and bool((np.diff(ordered) == 1).all()):
        return Guess("row index left out", False, "it counts the rows")
    if unique and len(values) >= 10 and _ID_NAME.fullmatch(name):
        return Guess("identifier left out", False, "each row has another value")
    return None


def _words_left_out(name: str, cells: list[str], missing: np.ndarray) -> Guess | None:
    """Why a column of words is left out; None if it is a feature."""
    present = [cell for cell, gap in zip(cells, missing.tolist(), strict=True) if not gap]
    words = dict.fromkeys(present)
    if len(words) == 1 and len(present) > 1 and not missing.any():
        return Guess("constant", False, f"every cell is {present[0]!r}")
    if sum(_DATE.fullmatch(cell) is not None for cell in words) >= _ALMOST_ALL * len(words):
        return Guess("date left out", False, "dates are no features")
    spaces = sum(word.count(" ") for word in words) / len(words)
    if len(words) > _MANY and len(words) > len(present) / 2 and spaces >= _WORDS_OF_TEXT - 1:
        return Guess("text", False, "texts are no features of a table: data=labelled_text classifies them")
    named = len(present) >= 10 and len(words) == len(present) and _ID_NAME.fullmatch(name)
    if named or (len(words) > _MANY and len(words) >= _ALMOST_ALL * len(present)):
        return Guess("identifier left out", False, "each row has another value")
    return None


def _note(numbers: Numbers) -> str:
    """A remark about a column of numbers that may be something else."""
    values = numbers.present
    if numbers.whole and not numbers.unit and len(values) > _MANY:
        if bool((np.diff(values) == 1).all()):
            return "it counts the rows"
        if (count := len(np.unique(values))) <= _MANY:
            return f"{count} different whole numbers"
    return ""
