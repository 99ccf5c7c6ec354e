"""Guesses what columns are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netyard.data.tables.csv_reader import Table
from netyard.data.tables.kinds import Guess, guess
from netyard.data.tables.numeric_cells import Reading, parse

N = 40


def kind_of(name: str, cells: list[Any], chosen: Any = None) -> Guess:
    table = Table(Path("t.csv"), {name: [str(cell) for cell in cells]}, [*range(2, 2 + len(cells))])
    parse(table, [name], Reading())
    return guess(table, [name], Reading(), {name: chosen} if chosen else {})[name]


SHUFFLED = [number * 7 % N for number in range(N)]


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("unnamed_1", range(N), "row index left out"),
        ("unnamed_1", SHUFFLED, "row index left out"),
        ("unnamed_1", [*range(20), *range(20)], "row index left out"),  # two frames, joined
        ("unnamed_1", [number % 3 * 2.5 for number in range(N)], "number"),
        ("Unnamed: 0", range(1, N + 1), "row index left out"),
        ("index", SHUFFLED, "row index left out"),
        ("index", [number % 7 for number in range(N)], "number"),  # an index of prices, of body mass
        ("row_id", range(N), "row index left out"),
        ("age", range(20, 20 + N), "number"),
        ("x", range(N), "number"),
        ("id", range(100, 100 + N), "identifier left out"),
        ("PassengerId", [3 * number for number in SHUFFLED], "identifier left out"),
        ("customer_id", [number * 17 % 1000 for number in range(N)], "identifier left out"),
        ("store_id", [number % 4 for number in range(N)], "number"),
        ("paid", range(N), "number"),
        ("part", [f"A-{number:04}" for number in range(N)], "identifier left out"),
        ("name", [f"Braund, Mr. Owen {number}" for number in range(N)], "text"),
        ("review", [f"the food was number {number} of all" for number in range(N)], "text"),
        ("city", ["Rome", "Oslo"] * 20, "category"),
        ("few", [f"w{number}" for number in range(5)], "category"),
        ("day", [f"2024-01-{1 + number % 28:02}" for number in range(N)], "date left out"),
        ("day", [f"{1 + number % 28}.12.2024" for number in range(N)], "date left out"),
        ("day", [f"12/{1 + number % 28}/24" for number in range(N)], "date left out"),
        ("day", [f"Jan {1 + number % 28}, 2024" for number in range(N)], "date left out"),
        ("day", [f"{1 + number % 28}-Mar-2024" for number in range(N)], "date left out"),
        ("day", [f"202401{1 + number % 28:02}" for number in range(N)], "date left out"),
        ("at", [f"2024-01-05T{number % 24:02}:30:00Z" for number in range(N)], "date left out"),
        ("at", [f"{number % 24}:{number % 60:02}" for number in range(N)], "date left out"),
        ("month", [f"2024-{1 + number % 12:02}" for number in range(N)], "date left out"),
        ("range", ["0-9", "10-19"] * 20, "category"),
        ("year", [1990 + number % 9 for number in range(N)], "number"),
        ("stamp", [1_700_000_000 + 7 * number for number in range(N)], "number"),
        ("c", [5] * N, "constant"),
        ("c", ["x"] * N, "constant"),
        ("e", [""] * N, "empty"),
        ("e", ["", "NA"] * 20, "empty"),
        ("plz", ["01067", "50667"] * 20, "category"),
        ("code", ["1E1", "2E5", "10"] * 13, "category"),
        ("price", ["$5", "$7"] * 20, "number"),
    ],
)
def test_kind_of_a_column(name: str, cells: Any, kind: str) -> None:
    found = kind_of(name, [*cells])
    assert found.kind == kind
    assert found.used is (kind in ("number", "category")) and bool(found.why) is not found.used


@pytest.mark.parametrize("missing", ["", "NA", "?"])
def test_missing_cells_do_not_change_the_kind(missing: str) -> None:
    for cells, kind in (
        (["2.5"], "number"),
        (["Rome", "Oslo"], "category"),
        (["2024-01-05", "2024-02-05"], "date left out"),
    ):
        found = kind_of("x", [missing, *cells * 20])
        assert (found.kind, found.facts["missing"]) == (kind, 1)


def test_the_user_is_right() -> None:
    assert kind_of("id", [*range(N)], "number").used
    assert kind_of("plz", [1067, 50667] * 20, "category").kind == "category"
    assert kind_of("day", [f"2024-01-{number % 28}" for number in range(N)], "category").used


def test_remarks_on_numbers() -> None:
    assert kind_of("x", [*range(N)]).facts == {"note": "it counts the rows"}
    assert kind_of("plz", [1067, 50667] * 20).facts == {"note": "2 different whole numbers"}
    assert kind_of("x", ["1,5", "2,5"] * 20).facts == {"format": "decimal comma"}
    assert kind_of("x", ["1.5", "2.5"] * 20).facts == {}
