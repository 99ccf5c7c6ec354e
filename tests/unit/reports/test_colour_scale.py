"""The colours of rows: which second hyperparameter they show, and that they can be seen and told apart."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from netyard.plots.figure import PALETTE
from netyard.reports.colour_scale import by_second_key, logarithmic, ramp
from netyard.reports.configurations import Table, tabulate
from netyard.reports.tables import shown
from netyard.run_directories.records import gather
from support.run_directories import made_run

SURFACES = ("#ffffff", "#191c21")  # of the pages, light and dark


def luminance(shade: str) -> float:
    """As WCAG 2 defines it."""
    parts = [int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("shade", [*PALETTE, *(ramp(place / 8) for place in range(9))])
def test_a_colour_is_seen_on_light_and_dark_pages(shade: str) -> None:
    assert all(contrast(shade, surface) >= 3 for surface in SURFACES)


def test_colours_are_different() -> None:
    def distance(one: str, other: str) -> int:
        return sum(abs(int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) for at in (1, 3, 5))

    assert min(distance(*pair) for pair in combinations(PALETTE, 2)) > 60
    assert ramp(-1) == ramp(0) != ramp(0.5) != ramp(1) == ramp(2)


def table_of(folder: Path, values: dict[tuple[str, float, float], float]) -> Table:
    for number, ((optimizer, lr, dropout), value) in enumerate(values.items()):
        typed = [f"optimizer={optimizer}", f"optimizer.lr={lr}", f"model.dropout={dropout}"]
        made_run(folder / str(number), value, typed, optimizer, 0)
    (table,) = tabulate(gather([folder])[0])
    return table


def test_the_second_key_is_the_one_that_decides(tmp_path: Path) -> None:
    table = table_of(
        tmp_path,
        {
            (optimizer, lr, dropout): lr + dropout / 10 + (optimizer == "adam") / 1000
            for optimizer in ("adam", "sgd")
            for lr in (0.1, 0.2)
            for dropout in (0.0, 0.5)
        },
    )
    found = {key: by_second_key(table, key, shown) for key in table.columns}
    assert {key: scale.key for key, scale in found.items()} == {
        "optimizer": "optimizer.lr",
        "optimizer.lr": "model.dropout",
        "model.dropout": "optimizer.lr",
    }
    scale = found["model.dropout"]
    assert scale.entries == [("0.1", ramp(0)), ("0.2", ramp(1))]
    for row, own, group in zip(table.rows, scale.colours, scale.groups, strict=True):
        assert scale.entries[group] == (shown(row.cells["optimizer.lr"]), own)


def test_many_numbers_have_continuous_colours(tmp_path: Path) -> None:
    table = table_of(tmp_path, {("adam", 0.1 + place / 10, place / 10): place / 10 for place in range(9)})
    scale = by_second_key(table, "model.dropout", shown)
    assert scale.key == "optimizer.lr" and scale.entries == [] and scale.ends == ("0.1", "0.9")
    order = sorted(range(9), key=lambda index: table.rows[index].cells["optimizer.lr"])
    assert [scale.colours[index] for index in order[::4]] == [ramp(0), ramp(0.5), ramp(1)]
    alone = table_of(tmp_path / "alone", {("adam", 0.1, 0.0): 0.5, ("adam", 0.2, 0.0): 0.6})
    assert by_second_key(alone, "optimizer.lr", shown).key == ""


def test_which_numbers_have_a_logarithmic_axis() -> None:
    assert logarithmic([0.001, 0.01, 0.1]) and logarithmic([16, 32, 64, 128, 256])
    assert not logarithmic([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "evenly spaced"
    assert not logarithmic([32, 64, 128]) and not logarithmic([0.0, 1000.0])
