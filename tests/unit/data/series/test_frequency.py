"""The step between dates: inferred from them, numbered without holes, and continued after their end."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from netyard.data.series.dates import formatted, read_dates
from netyard.data.series.frequency import Frequency, infer

DAYS = [datetime.date(2021, 1, 1) + datetime.timedelta(number) for number in range(400)]
MONTHS = [datetime.date(2021 + number // 12, number % 12 + 1, 1) for number in range(30)]
ENDS = [each - datetime.timedelta(1) for each in MONTHS[1:]]


def last_weekday(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(max(day.weekday() - 4, 0))


def isoformat(days: list[datetime.date]) -> list[str]:
    return [day.isoformat() for day in days]


CASES = [
    (isoformat(DAYS), "days", 7, "2022-02-05"),
    (isoformat([day for day in DAYS if day.weekday() < 5]), "business days", 5, "2022-02-07"),
    (isoformat([day for day in DAYS if day.weekday() < 6]), "days without Sunday", 6, "2022-02-05"),
    (isoformat(DAYS[:300:7]), "weeks", 52, "2021-10-29"),
    (isoformat(DAYS[:300:3]), "3 days", 1, "2021-10-28"),
    (isoformat(MONTHS), "months", 12, "2023-07-01"),
    (isoformat(ENDS), "months, at their end", 12, "2023-06-30"),
    (isoformat([last_weekday(day) for day in ENDS]), "months, at their end", 12, "2023-06-30"),
    (isoformat(MONTHS[::3]), "quarters", 4, "2023-07-01"),
    (isoformat(MONTHS[::12]), "years", 1, "2024-01-01"),
    (["2020-01-31", "2020-02-29", "2020-03-30"], None, 1, ""),
    (["2020-01-30", "2020-02-29", "2020-03-30", "2020-04-30"], "months", 12, "2020-05-30"),
    (["2021Q1", "2021Q2", "2021Q3"], "quarters", 4, "2021Q4"),
    (["2021W51", "2021W52", "2022W01"], "weeks", 52, "2022W02"),
    ([f"2021-01-01 {hour:02}:00" for hour in range(24)], "hours", 24, "2021-01-02T00:00:00"),
    ([f"2021-01-01 00:{minute:02}" for minute in range(0, 60, 15)], "15 minutes", 96, "2021-01-01T01:00:00"),
    ([f"2021-01-{day:02} 18:00" for day in range(1, 20)], "days", 7, "2021-01-20T18:00:00"),
    (["2021-01-01", "2021-01-02", "2021-01-04", "2021-01-09"], "days", 7, "2021-01-10"),
    (["2021-01-01 00:00", "2021-01-01 01:00", "2021-01-01 02:00", "2021-01-01 02:37"], None, 1, ""),
]


@pytest.mark.parametrize(("cells", "name", "season", "following"), CASES)
def test_the_frequency_of_dates(cells: list[str], name: str | None, season: int, following: str) -> None:
    dates = read_dates(cells)
    assert dates is not None
    frequency = infer([dates.values], dates.style)
    if name is None:
        assert frequency is None
        return
    assert frequency is not None and (frequency.name, frequency.season) == (name, season)
    numbers, fits = frequency.numbers(dates.values)
    assert fits.all() and np.array_equal(frequency.dates(numbers), dates.values)
    assert formatted(int(frequency.dates(numbers[-1:] + 1)[0]), dates.style) == following
    assert Frequency.of_state(frequency.state()) == frequency


def test_weekends_are_no_gap_of_business_days_and_a_holiday_is() -> None:
    days = [day for day in DAYS if day.weekday() < 5]
    dates: Any = read_dates(isoformat([*days[:20], *days[21:]]))
    frequency = infer([dates.values], "day")
    assert frequency is not None and np.bincount(np.diff(frequency.numbers(dates.values)[0])).tolist()[2:] == [1]


def test_dates_off_the_calendar_have_no_number() -> None:
    dates: Any = read_dates(["2021-01-31", "2021-02-28", "2021-03-31"])
    frequency = infer([dates.values], "day")
    other: Any = read_dates(["2021-04-30", "2021-04-29"])
    assert frequency is not None and frequency.numbers(other.values)[1].tolist() == [True, False]
