"""A file as steps of a calendar: order, duplicates, gaps, several series, rows of the future, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netyard.data.series.frame import columns_summary, read_frame
from netyard.data.series.settings import SeriesSettings
from netyard.data.series.tracks import Frame
from netyard.errors import ConfigError, DataError

Read = Callable[..., Frame]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def frame(lines: Sequence[str], column: Any = "y", **changes: Any) -> Frame:
        path = tmp_path / "s.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_frame(SeriesSettings(path=str(path), column=column, **{"date": None, **changes}))

    return frame


def days(count: int, value: Callable[[int], object] = lambda day: day * day) -> list[str]:
    return [f"2021-01-{day:02},{value(day)}" for day in range(1, count + 1)]


def values(frame: Frame, name: str = "y", track: int = 0) -> list[float]:
    return frame.tracks[track].numbers[name].tolist()


SQUARES = [day * day for day in range(1, 11)]


@pytest.mark.parametrize(
    ("order", "told"),
    [
        (slice(None), ""),
        (slice(None, None, -1), "runs newest first"),
        ([3, 1, 4, 0, 9, 2, 6, 5, 8, 7], "sorted by date"),
    ],
)
def test_rows_are_sorted_by_date_and_that_is_told(read: Read, order: Any, told: str) -> None:
    rows = np.array(days(10))[order].tolist()
    frame = read(["day,y", *rows])
    assert values(frame) == SQUARES and frame.date == "day"
    assert frame.frequency is not None and frame.frequency.name == "days"
    assert frame.date_texts([frame.tracks[0].first, frame.tracks[0].first + 9]) == ["2021-01-01", "2021-01-10"]
    assert "column 'day' has the dates" in frame.notes[0]
    assert any(told in each for each in frame.notes) and len(frame.notes) == 1 + bool(told)


def test_rows_without_dates_stay_and_what_speaks_against_it_is_told(read: Read) -> None:
    rows = ["day,y", *days(10)[::-1]]
    frame = read(rows, date="none")
    assert values(frame) == SQUARES[::-1] and frame.frequency is None
    assert "run backwards" in frame.notes[0] and "data.date=day" in frame.notes[0]
    counted = read(["step,y", *(f"{10 - step},{step}" for step in range(10))])
    assert "'step' counts down" in counted.notes[0] and values(counted) == [*range(10)]
    assert values(read(["step,y", *(f"{10 - step},{step}" for step in range(10))], date="step")) == [*range(9, -1, -1)]
    assert read(["step,y", *(f"{step},{step}" for step in range(10))]).notes == []


@pytest.mark.parametrize(("strategy", "wanted"), [("sum", 109.0), ("mean", 54.5), ("first", 9.0), ("last", 100.0)])
def test_rows_of_one_date(read: Read, strategy: str, wanted: float) -> None:
    rows = ["day,y", *days(10), "2021-01-03,100"]
    with pytest.raises(
        DataError, match=r"2021-01-03 is in 2 rows .* lines 4 and 12; .* refuse, sum, mean, first or last"
    ):
        read(rows)
    frame = read(rows, duplicates=strategy)
    assert values(frame) == [*SQUARES[:2], wanted, *SQUARES[3:]]
    assert frame.left_out[0][:2] == ("rows", 1) and f"data.duplicates={strategy}" in frame.left_out[0][2]


def test_equal_rows_are_told_as_such(read: Read) -> None:
    with pytest.raises(DataError, match=r"their cells are equal; .*try data\.duplicates=first"):
        read(["day,y", *days(10), days(10)[2]])


@pytest.mark.parametrize(
    ("strategy", "wanted"), [("previous", [16, 16, 16]), ("zero", [0, 0, 0]), ("linear", [28, 40, 52])]
)
@pytest.mark.parametrize("empty", [False, True])
def test_missing_dates_and_empty_cells(read: Read, strategy: str, wanted: list[float], empty: bool) -> None:
    rows = days(10)
    rows[4:7] = [f"2021-01-{day:02}," for day in (5, 6, 7)] if empty else []
    given = (
        "line 6 of column 'y' of .* is empty, the first of 3" if empty else "3 of the 10 days are missing .* 2021-01-05"
    )
    with pytest.raises(DataError, match=given + ".*data.gaps is refuse, previous .*, linear .* or zero"):
        read(["day,y", *rows])
    frame = read(["day,y", *rows], gaps=strategy)
    assert values(frame) == [*SQUARES[:4], *wanted, *SQUARES[7:]]
    assert f"3 value(s) that the file does not have are filled by data.gaps={strategy}" in frame.notes[-1]


def test_several_series_are_refused_until_their_column_is_named(read: Read) -> None:
    rows = [
        "day,shop,y",
        *(f"2021-01-{day:02},{shop},{day * size}" for shop, size in (("B", 3), ("A", 1)) for day in range(1, 9)),
    ]
    with pytest.raises(DataError, match=r"column 'shop' separates 2 series \(A, B\); try data\.series_id=shop\."):
        read(rows)
    frame = read(rows, series_id="shop")
    assert [track.name for track in frame.tracks] == ["A", "B"]
    assert values(frame, track=1) == [3 * day for day in range(1, 9)]
    pairs = ["day,shop,item,y", *(f"2021-01-{day:02},{a},{b},{day}" for a in "AB" for b in "xy" for day in range(1, 9))]
    with pytest.raises(DataError, match=r"try data\.series_id=\[shop,item\]\."):
        read(pairs)
    assert [track.name for track in read(pairs, series_id=["shop", "item"]).tracks] == [
        "A | x",
        "A | y",
        "B | x",
        "B | y",
    ]


def test_series_begin_and_end_when_they_do(read: Read) -> None:
    rows = [
        "day,shop,y",
        *(f"2021-01-{day:02},A,{day}" for day in range(1, 9)),
        *(f"2021-01-{day:02},B,{day}" for day in range(4, 12)),
    ]
    a, b = read(rows, series_id="shop").tracks
    assert (b.first - a.first, len(a), len(b)) == (3, 8, 8)


def test_rows_after_the_last_target_are_the_future(read: Read) -> None:
    rows = ["day,y,promo", *(f"{row},0" for row in days(10)), "2021-01-11,,1", "2021-01-12,,0"]
    frame = read(rows, future_covariates=["promo"])
    (track,) = frame.tracks
    assert (len(track), track.known) == (12, 10) and values(frame, "promo")[10:] == [1, 0]
    assert frame.left_out == [("steps", 2, "the last have no y: rows of the future")]


def test_covariates_may_be_words_and_numbers_of_any_writing(read: Read) -> None:
    rows = [
        "day;y;holiday;price",
        *(f"{day:02}.01.2021;{day},5;{'Epiphany' if day == 6 else ''};1.00{day % 10},50 €" for day in range(1, 12)),
    ]
    frame = read(rows, future_covariates=["holiday"], past_covariates=["price"])
    assert values(frame)[:2] == [1.5, 2.5] and values(frame, "price")[0] == 1001.5
    assert frame.tracks[0].words["holiday"][4:7] == ["", "Epiphany", ""]
    found = columns_summary(frame, [])
    assert {name: each["kind"] for name, each in found.items()} == {
        "day": "date",
        "y": "target",
        "holiday": "future covariate",
        "price": "past covariate",
    }
    assert "decimal comma" in found["y"]["format"]


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (
            ["day,y", *days(9), "soon,3"],
            {"date": "day"},
            "line 11 of column 'day' of .* is 'soon'; each of the other 9",
        ),
        (["day,y", *days(9)], {"date": "date"}, r"has no column 'date'; .*try data\.date="),
        (["day,y", *(f"x{row},1" for row in range(9))], {"date": "day"}, "column 'day' of .* has no dates"),
        (["day,y", "2021-01-01,1", "2021-01-02,2", "2021-01-05 10:37,3"], {}, "irregular"),
        (["day,y", *days(9), "2021-01-10,wet"], {}, "line 11 of column 'y' of .* is 'wet'"),
        (["day,y", *days(9)], {"series_id": "shop"}, "has no column 'shop'"),
        (["day,y,s", *(f"{row}," for row in days(9))], {"series_id": "s"}, "line 2 of column 's' of .* is empty"),
        (["day,y,s", *(f"{row},{row[8:10]}" for row in days(9))], {"series_id": "s"}, "name 9 series in 9 rows"),
        (["day,y", *(f"2021-01-{day:02}," for day in range(1, 9))], {}, "column 'y' of .* has no value"),
    ],
)
def test_refusals(read: Read, rows: list[str], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(rows, **changes)
    assert "\n" not in str(caught.value) and str(caught.value).count(";") >= 2


@pytest.mark.parametrize(
    "changes",
    [
        {"past_covariates": ["y"]},
        {"past_covariates": ["a"], "future_covariates": ["a"]},
        {"future_covariates": ["day"], "date": "day"},
    ],
)
def test_a_column_has_one_meaning(read: Read, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="which is also in another key"):
        read(["day,y,a", *(f"{row},1" for row in days(9))], **changes)


def test_an_ambiguous_order_is_read_as_it_is_regular_and_told(read: Read) -> None:
    months = [f"{month:02}/01/2021,{month}" for month in range(1, 13)]
    frame = read(["day,y", *months])
    # With the day first these would be twelve days of January.
    assert "data.date_order=" in " ".join(frame.notes) and frame.frequency is not None
    forced = read(["day,y", *months], date_order="month")
    assert forced.frequency is not None and forced.frequency.name == "months"
