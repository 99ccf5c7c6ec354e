"""Where the marks and the labels of the charts of hyperparameters are."""

from __future__ import annotations

from itertools import pairwise

from netyard.reports.colour_scale import ColourScale
from netyard.reports.hyperparameter_charts import MAX_LABELS, Group, parallel, scatter, vertical_scale
from netyard.reports.tables import shown

COLOURS = ["#2f74d0", "#c8660a"]


def two_colours(count: int) -> ColourScale:
    groups = [index % 2 for index in range(count)]
    return ColourScale("other", [COLOURS[group] for group in groups], groups, [("a", COLOURS[0]), ("b", COLOURS[1])])


def test_only_rows_of_several_runs_have_a_mean() -> None:
    groups = [Group(0.1, [0.5], "1", "one"), Group(0.1, [0.4, 0.6], "2", "two")]
    chart = scatter("lr", "val/accuracy", groups, two_colours(2), shown)
    assert [mark.row for mark in chart.means] == ["2"] and [mark.row for mark in chart.marks] == ["1", "2", "2"]
    assert chart.marks[0].colour == COLOURS[0] != chart.marks[1].colour
    assert chart.marks[0].x < chart.marks[1].x, "colours stand side by side"


def test_the_means_of_a_colour_are_joined_where_values_are_few() -> None:
    few = [Group(lr, [lr], str(index), "") for index, lr in enumerate((0.1, 0.1, 0.2, 0.2))]
    assert [own for own, _ in scatter("lr", "y", few, two_colours(4), shown).links] == COLOURS
    many = [Group(index / 100, [index / 100], str(index), "") for index in range(20)]
    assert scatter("lr", "y", many, two_colours(20), shown).links == []


def test_long_names_below_an_axis_are_slanted() -> None:
    names = [f"a long name of option {index}" for index in range(9)]
    groups = [Group(name, [0.1], str(index), "") for index, name in enumerate(names)]
    chart = scatter("option", "y", groups, two_colours(9), shown)
    assert chart.slanted and all(len(tick.label) <= 14 for tick in chart.x_ticks)
    assert not scatter("option", "y", [Group("a", [0.1], "1", "")], two_colours(1), shown).slanted


def test_labels_of_a_vertical_axis_do_not_touch() -> None:
    for values in ([0.1, 0.101, 0.2], [f"option {index}" for index in range(50)], [*range(40)], [0.1, 0.2, 0.3]):
        heights, labels = vertical_scale(values, shown)
        assert len(heights) == len(values) and all(0 <= height <= 1 for height in heights)
        marks = sorted(height for height, _ in labels)
        assert all(above - below >= 0.9 / MAX_LABELS for below, above in pairwise(marks))
    assert [label for _, label in vertical_scale([0.1, 0.2, 0.3], shown)[1]] == ["0.1", "0.2", "0.3"]


def test_the_last_axis_of_parallel_coordinates_is_the_colour_bar() -> None:
    rows = [Group(None, [0.9], "1", "best"), Group(None, [0.1], "2", "worst")]
    chart = parallel(["optimizer.lr", "val/accuracy"], [[0.1, 0.2], [0.9, 0.1]], rows, shown)
    colours = {line.row: line.colour for line in chart.lines}
    assert (colours["1"], colours["2"]) == (chart.stops[-1], chart.stops[0])
    assert [axis.short for axis in chart.axes] == ["lr", "val/accuracy"]
    same = parallel(["a.lr", "b.lr", "y"], [[1, 2], [1, 2], [0.5, 0.5]], rows, shown)
    assert [axis.short for axis in same.axes] == ["a.lr", "b.lr", "y"] and same.stops == []
