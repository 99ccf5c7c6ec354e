"""Cells as dates, in the forms that people write, and what is no date."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from netyard.data.series.dates import DAY, SECOND, formatted, read_dates

DAYS = [datetime.date(2021, 1, 1) + datetime.timedelta(number) for number in range(100)]


def microseconds(*parts: int) -> int:
    return round((datetime.datetime(*parts) - datetime.datetime(1970, 1, 1)).total_seconds()) * SECOND  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%y", "%d-%b-%Y", "%B %d, %Y", "%a, %d %b %Y"],
)
def test_days_in_many_forms(form: str) -> None:
    dates = read_dates([day.strftime(form) for day in DAYS])
    assert dates is not None and (dates.style, dates.undecided, len(dates.bad)) == ("day", False, 0)
    assert dates.values.tolist() == [microseconds(day.year, day.month, day.day) for day in DAYS]


@pytest.mark.parametrize(
    ("cell", "style", "wanted"),
    [
        ("2021-05", "month", (2021, 5, 1)),
        ("May 2021", "month", (2021, 5, 1)),
        ("Mai 2021", "month", (2021, 5, 1)),
        ("5/2021", "month", (2021, 5, 1)),
        ("05.2021", "month", (2021, 5, 1)),
        ("2021Q3", "quarter", (2021, 7, 1)),
        ("Q3 2021", "quarter", (2021, 7, 1)),
        ("2021-W05", "week", (2021, 2, 1)),
        ("2021-05-01 13:45", "time", (2021, 5, 1, 13, 45)),
        ("2021-05-01T13:45:10", "time", (2021, 5, 1, 13, 45, 10)),
        ("01.05.2021 01:45 pm", "time", (2021, 5, 1, 13, 45)),
        ("2021-05-01 12:10 am", "time", (2021, 5, 1, 0, 10)),
    ],
)
def test_periods_and_times(cell: str, style: str, wanted: tuple[int, ...]) -> None:
    dates = read_dates([cell])
    assert dates is not None and dates.style == style
    assert dates.values.tolist() == [microseconds(*wanted)]


@pytest.mark.parametrize(
    ("cells", "chosen", "name", "style"),
    [
        (["1990", "1991"], False, "year", "year"),
        (["1990", "1991"], False, "price", None),
        (["1990", "1991"], True, "price", "year"),
        (["1", "2"], False, "year", None),
        (["1", "2"], True, "step", "number"),
        (["0.5", "1.0"], True, "step", "number"),
        (["1600000000", "1600003600"], False, "time", None),
        (["1600000000", "1600003600"], True, "time", "epoch"),
        (["red", "blue"], True, "date", None),
        (["", "x"], False, "date", None),
        (["12:30", "a"], False, "date", None),
    ],
)
def test_plain_numbers_are_dates_where_they_are_named(
    cells: list[str], chosen: bool, name: str, style: str | None
) -> None:
    dates = read_dates(cells, name=name, chosen=chosen)
    assert (dates.style if dates else None) == style


def test_the_order_of_day_and_month_is_what_the_cells_show() -> None:
    shown = read_dates(["01/02/2021", "13/02/2021"]), read_dates(["01/02/2021", "02/13/2021"])
    assert [each.day_first for each in shown if each] == [True, False]
    either = read_dates(["01/02/2021", "02/02/2021"])
    assert either is not None and either.undecided
    month = read_dates(["01/02/2021"], "month")
    assert month is not None and not month.undecided and month.values.tolist() == [microseconds(2021, 1, 2)]


def test_one_time_zone_keeps_its_clock_and_several_become_utc() -> None:
    one = read_dates(["2021-06-01 10:00+02:00", "2021-06-01 11:00+02:00"])
    assert one is not None and one.zone == "+02:00"
    assert formatted(int(one.values[0]), one.style, one.zone) == "2021-06-01T10:00:00+02:00"
    two = read_dates(["2021-06-01 10:00+02:00", "2021-06-01 10:00Z"])
    assert two is not None and two.zone == "UTC" and (two.values[1] - two.values[0]) == 7200 * SECOND


@pytest.mark.parametrize(("digits", "factor"), [(3, 1000), (6, 1_000_000), (9, 1_000_000_000)])
def test_seconds_since_1970_in_parts(digits: int, factor: int) -> None:
    dates = read_dates([str(1_600_000_000 * factor + factor // 2)], chosen=True)
    assert dates is not None and dates.values.tolist() == [1_600_000_000_500_000]


def test_a_day_that_does_not_exist_is_bad() -> None:
    dates = read_dates(["2021-02-30", *(day.isoformat() for day in DAYS), "soon"])
    assert dates is not None and dates.bad.tolist() == [0, 101]


@pytest.mark.parametrize(
    ("value", "style", "wanted"),
    [
        (0, "day", "1970-01-01"),
        (40 * DAY, "month", "1970-02"),
        (100 * DAY, "quarter", "1970Q2"),
        (4 * DAY, "week", "1970W02"),
        (400 * DAY, "year", "1971"),
        (5_500_000, "number", "5.5"),
        (3_000_000, "number", "3"),
    ],
)
def test_a_date_is_written_as_in_its_column(value: int, style: Any, wanted: str) -> None:
    assert formatted(value, style) == wanted
