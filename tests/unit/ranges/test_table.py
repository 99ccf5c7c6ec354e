"""The file ``constraints.json`` of a ``conf/`` folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netyard.ranges import table
from netyard.ranges.constraint import Constraint

TABLE = {"acme.Net": {"width": {"kinds": ["int"], "ge": 1}, "sizes": {"kinds": ["list"], "items": {"kinds": ["int"]}}}}


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / table.FILE
    for each in (TABLE, {}):
        path.write_text(table.as_text(each), encoding="utf-8")
        assert table.load(path) == each == json.loads(path.read_text(encoding="utf-8"))
        table.require(path)
    assert Constraint.from_plain(TABLE["acme.Net"]["sizes"]).admits([1, 2])


def test_without_a_file_there_are_no_constraints(tmp_path: Path) -> None:
    assert table.load(tmp_path / table.FILE) == {}


@pytest.mark.parametrize(
    "plain",
    [
        {"above": 1},
        {"ge": "1"},
        {"most_items": [1]},
        {"kinds": ["network"]},
        {"kinds": 3},
        {"kinds": [["int"]]},
        {"items": 3},
        {"items": {"lt": "1"}},
        None,
        3,
    ],
    ids=str,
)
def test_an_entry_that_is_not_a_constraint_is_refused(tmp_path: Path, plain: object) -> None:
    path = tmp_path / table.FILE
    path.write_text(json.dumps({"acme.Net": {"width": plain}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"acme.Net.width is not a constraint"):
        table.require(path)
