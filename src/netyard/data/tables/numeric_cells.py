"""Cells that are numbers, as spreadsheets and people write them: decimal commas, thousands, currencies, percent.

Whether a comma is a decimal separator is decided for a whole column, by the cells in which it can only be one of the
two; if there is none, by the other columns of the table.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from netyard.data.tables.csv_reader import Table

Decimal: TypeAlias = Literal["auto", "point", "comma"]

MISSING_MARKS = frozenset(("", "na", "n/a", "#n/a", "#na", "<na>", "nan", "null", "?"))
"""Cells, in lower case, that have no value in any column."""
_NUMBER_MARKS = MISSING_MARKS | {"none", "-", "--", ".", "n.a.", "nil"}  # in a column of words these may be words
_NUMBER_FRACTION = 0.8
"""If this fraction of the present cells are numbers, the others are errors, and the column is not one of words."""

_CURRENCIES = (
    r"(?:US|R|A|C)?\$|[€£¥₹₽₩₺฿]|kr\.?|zł|Kč|Fr\.|EUR|USD|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RUB|"
    r"BRL|MXN|ZAR|KRW|TRY|SGD|HKD|THB|ILS"
)
_UNIT = r"°?[^\W\d_][^\d,;:()]{0,9}|°"  # kg, km/h, °C; it says nothing, because all cells of the column have the same
_SPACES = " \u00a0\u202f\u2009"  # also those that typesetters put between thousands
_BODY = rf"\d[\d.,'’{_SPACES}]*|[.,]\d+"
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+−])?\s*(?P<before>{_CURRENCIES})?\s*(?P<sign2>[-+−])?"
    rf"(?P<body>{_BODY})(?P<exponent>[eE][-+−]?\d+)?\s*(?P<after>{_CURRENCIES}|%|‰|{_UNIT})?(?P<close>\))?"
)
_AMOUNT = re.compile(rf"{_CURRENCIES}|%|‰")
_POINT = re.compile(rf"(?:\d+|\d{{1,3}}(?:,\d{{2,3}})*,\d{{3}}|\d{{1,3}}(?:['’{_SPACES}]\d{{3}})+)(?:\.\d*)?|\.\d+")
_COMMA = re.compile(rf"(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+|\d{{1,3}}(?:['’{_SPACES}]\d{{3}})+)(?:,\d*)?|,\d+")
_CODE = re.compile(r"0\d+|\d+E\d+")  # no program writes a number like this: a code with leading zeros or an E
_CODE_LINE = re.compile(rf"^(?:{_CODE.pattern})$", re.MULTILINE)


@dataclass
class Numbers:
    """A column read as numbers."""

    values: np.ndarray
    """Float64 (N,); NaN where the cell is missing or no number."""
    missing: np.ndarray
    """Bool (N,)."""
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    """A currency, % or another unit, which the values leave out: 5 % is 5."""
    codes: bool = False
    """Whether some cell is written as only codes are: 007, 1E5."""
    ambiguous: bool = False
    """Whether no cell shows if a separator is that of decimals or of thousands."""

    @property
    def bad(self) -> np.ndarray:
        """Rows whose cell is neither missing nor a finite number: int64, ascending."""
        return np.flatnonzero(~self.missing & ~np.isfinite(self.values))

    @property
    def is_number(self) -> bool:
        """Whether it is a column of numbers, perhaps with some bad cells."""
        # Missing cells do not count: numbers that are mostly missing are still a column of numbers.
        present = len(self.values) - int(self.missing.sum())
        return present > 0 and int(np.isfinite(self.values).sum()) >= _NUMBER_FRACTION * present

    @property
    def present(self) -> np.ndarray:
        """The values of the cells that are numbers: float64."""
        return self.values[np.isfinite(self.values)]

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount of money or a percentage, which is no name of a class."""
        return _AMOUNT.fullmatch(self.unit) is not None

    @property
    def whole(self) -> bool:
        """Whether all numbers are whole."""
        return bool((self.present == self.present.round()).all())

    def take(self, rows: Sequence[int]) -> Numbers:
        index = np.asarray(rows, dtype=np.int64)
        rest = (self.decimal, self.thousands, self.unit, self.codes, self.ambiguous)
        return Numbers(self.values[index], self.missing[index], *rest)


@dataclass(frozen=True)
class Reading:
    """How cells are read where the cells of a column leave a choice."""

    decimal: Decimal = "auto"
    marks: tuple[str, ...] | None = None
    """Cells that are missing, besides empty ones; None: the common marks."""
    known: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Decimal and thousands separators of columns of a run, by name."""

    def is_missing(self, cell: str, numbers: bool) -> bool:
        if self.marks is not None:
            return not cell or cell in self.marks
        return cell.lower() in (_NUMBER_MARKS if numbers else MISSING_MARKS)


def missing_words(cells: Sequence[str], reading: Reading) -> np.ndarray:
    """The missing cells of a column of words: bool (N,)."""
    # Looked up once for each different cell: columns have fewer of them than rows.
    marks = {cell for cell in set(cells) if reading.is_missing(cell, numbers=False)}
    if not marks:
        return np.zeros(len(cells), dtype=bool)
    return np.array([cell in marks for cell in cells], dtype=bool)


def parse(table: Table, names: Iterable[str], reading: Reading) -> None:
    """Read columns as numbers into ``table.parsed``, those of words too: see ``Numbers.is_number``."""
    new = {name: _column(table.columns[name], reading) for name in names if name not in table.parsed}
    votes = Counter(each.decimal for each in new.values() if not each.ambiguous and _fractional(each))
    for name, each in new.items():
        comma = _comma(table, name, each, reading, votes)
        if each.ambiguous and comma is not (each.decimal == ","):
            new[name] = _column(table.columns[name], reading, comma)
    table.parsed.update(new)


def _comma(table: Table, name: str, numbers: Numbers, reading: Reading, votes: Counter[str]) -> bool:
    """Whether the decimal separator of an ambiguous column is a comma."""
    if not numbers.ambiguous:
        return numbers.decimal == ","
    if reading.decimal != "auto":
        return reading.decimal == "comma"
    separator = next(letter for cell in table.columns[name] for letter in cell if letter in ".,")
    if name in reading.known:
        decimal, thousands = reading.known[name]
        return decimal == "," if separator == "," else thousands == "."
    if votes:
        return votes[","] > votes["."]
    # In a file with semicolons a comma separates decimals: that is why it has semicolons.
    return separator == "," and table.delimiter == ";"


def _fractional(numbers: Numbers) -> bool:
    return numbers.is_number and (numbers.decimal == "," or not numbers.whole)


def _column(cells: Sequence[str], reading: Reading, comma: bool | None = None) -> Numbers:
    """One column; ``comma``: whether that is the decimal separator, None: as the cells show."""
    if comma is None and (plain := _plain(cells, reading)) is not None:
        return plain
    texts = dict.fromkeys(cells)
    missing = {cell for cell in texts if reading.is_missing(cell, numbers=True)}
    parts = {cell: _parts(cell) for cell in texts if cell not in missing}
    found = {cell: match for cell, match in parts.items() if match is not None}
    ambiguous = False
    if comma is None:
        points, commas = (sum(bool(form.fullmatch(match[1])) for match in found.values()) for form in (_POINT, _COMMA))
        shown = any("," in match[1] or "." in match[1] for match in found.values())
        comma = commas > points
        ambiguous = shown and points == commas
        if reading.decimal != "auto":
            comma, ambiguous = reading.decimal == "comma", False
    form, decimal = (_COMMA, ",") if comma else (_POINT, ".")
    units = Counter(match[3] for match in found.values() if match[3])
    # Of two units in one column the numbers cannot be compared; those of the rarer one are errors.
    unit = units.most_common(1)[0][0] if units else ""
    # 512 MB among cells in GB, or a unit that only some have: only a currency or % may be left out.
    if unit and not _AMOUNT.fullmatch(unit) and units[unit] < len(found):
        unit = ""
    numbers: dict[str, float] = dict.fromkeys(texts, math.nan)
    thousands = ""
    for cell, (sign, body, exponent, has) in found.items():
        if form.fullmatch(body) and has in ("", unit):
            numbers[cell] = sign * float(_digits(body, decimal) + exponent)
            thousands = thousands or next((each for each in body if each not in "0123456789" + decimal), "")
    values = np.array([numbers[cell] for cell in cells], dtype=np.float64)
    gaps = np.array([cell in missing for cell in cells], dtype=bool)
    codes = any(_CODE.fullmatch(cell) for cell in found)
    return Numbers(values, gaps, decimal, thousands, unit, codes, ambiguous)


def _plain(cells: Sequence[str], reading: Reading) -> Numbers | None:
    """A column that Python reads as finite numbers, fast; None if it is none, or if it may be read in another way."""
    if reading.decimal == "comma" or reading.marks:
        return None
    try:
        values = np.array([*map(float, cells)], dtype=np.float64)
    except ValueError:
        return None
    text = "\n".join(cells)
    if not np.isfinite(values).all() or "_" in text:  # float() reads 1_000, too
        return None
    # Only a column of nothing but 1.234, 12.345 could be one of thousands.
    if "." in text and reading.decimal == "auto" and all(_COMMA.fullmatch(cell.lstrip("+-")) for cell in cells):
        return None
    codes = _CODE_LINE.search(text) is not None
    return Numbers(values, np.zeros(len(cells), dtype=bool), codes=codes)


def _parts(cell: str) -> tuple[float, str, str, str] | None:
    """Sign, digits with separators, exponent and unit of a cell; None if it is no number."""
    match = _CELL.fullmatch(cell)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [each for each in (match["sign"], match["sign2"]) if each]
    before, after = match["before"] or "", match["after"] or ""
    if len(signs) > 1 or (before and after):
        return None
    # Accountants write a loss in parentheses.
    sign = -1.0 if match["open"] or (signs and signs[0] in "-−") else 1.0
    return sign, match["body"].rstrip(_SPACES), (match["exponent"] or "").replace("−", "-"), before or after


def _digits(body: str, decimal: str) -> str:
    """The digits of a number as ``float`` reads them."""
    whole, _, fraction = body.partition(decimal)
    return f"{''.join(each for each in whole if each.isdigit()) or '0'}.{fraction or '0'}"


def formatted(numbers: Numbers) -> str:
    """How a column of numbers is written, where that is a guess; empty for plain numbers."""
    names: Collection[str] = (
        "decimal comma" * (numbers.decimal == ","),
        f"thousands separated by {numbers.thousands!r}" * bool(numbers.thousands),
        f"in {numbers.unit}" * bool(numbers.unit),
    )
    return ", ".join(name for name in names if name)
