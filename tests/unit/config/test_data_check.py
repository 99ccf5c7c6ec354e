"""Mistakes in a user's table are told before torch is imported."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from netyard.config import compose, data_check
from netyard.data.core import early_checks
from netyard.errors import ConfigError, DataError

Write = Callable[[str], Path]


def check(path: Path, *overrides: str) -> None:
    data_check.check(*compose.compose(["data=csv", f"data.path='{path}'", *overrides]))


def table(target: Callable[[int], object]) -> str:
    return "x,label\n" + "".join(f"{i * 7 % 11},{target(i)}\n" for i in range(90))


@pytest.mark.parametrize(
    ("target", "overrides", "attempts"),
    [
        (lambda i: i % 30, [], ["data.target_kind=class", "task=regression loss=mse"]),
        (lambda i: i / 7, [], ["task=regression loss=mse"]),
        (lambda i: f'"${1000 + i:,}"', [], ["task=regression loss=mse"]),
        (
            lambda i: i % 5,
            ["task=regression", "loss=mse"],
            ["data.target_kind=number", "task=classification loss=cross_entropy"],
        ),
        (lambda i: "ab"[i % 2], ["task=regression", "loss=mse"], ["task=classification loss=cross_entropy"]),
    ],
    ids=["thirty classes", "numbers", "prices", "counts", "words"],
)
def test_a_target_that_does_not_fit_the_task_is_answered_with_what_works(
    write_csv: Write, target: Callable[[int], object], overrides: list[str], attempts: list[str]
) -> None:
    path = write_csv(table(target))
    with pytest.raises(ConfigError) as refused:
        check(path, "data.target=label", *overrides)
    offered = str(refused.value).rpartition("; try ")[2].removesuffix(".")
    assert re.split(", or ", offered) == attempts
    for attempt in attempts:
        check(path, "data.target=label", *overrides, *attempt.split())


def test_a_misspelt_column_and_a_missing_file(write_csv: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'lable'; .*try data\.target=label"):
        check(write_csv(table(lambda i: "ab"[i % 2])), "data.target=lable")
    with pytest.raises(DataError, match=r"column 'x', line 3 of .* is empty; .*or try data\.missing=mean"):
        check(write_csv(table(lambda i: "ab"[i % 2]).replace("\n7,", "\n,")), "data.target=label")
    with pytest.raises(DataError, match=r"nowhere\.csv cannot be read"):
        check(tmp_path / "nowhere.csv", "data.target=y")


def test_columns_that_are_called_0_and_true(write_csv: Write) -> None:
    path = write_csv("0,1,true\n" + "".join(f"{i * 7 % 11},{i % 4},{'ab'[i % 2]}\n" for i in range(40)))
    check(path, "data.target=true", "data.drop=[0]")
    check(path, "data.target=1", "data.drop=[true]", "data.categories=[0]")


def test_a_large_table_is_left_to_the_run(write_csv: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_checks, "_MOST_BYTES", 10)
    check(write_csv(table(lambda i: i / 7)), "data.target=lable")


def test_a_data_set_without_such_a_check_passes() -> None:
    data_check.check(*compose.compose(["data=digits"]))


def test_the_check_imports_no_torch() -> None:
    """Read from the source: in this process torch is imported already."""
    found, waiting = set(), {"netyard.data.tables.csv_file_check", "netyard.data.tables", "netyard.data"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        if name.startswith("netyard."):
            module = importlib.import_module(name)
            tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
            froms = (str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
            plain = (each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names)
            waiting |= {*froms, *plain} - found
    assert "numpy" in found and not {"torch", "lightning", "sklearn", "pandas"} & {*found}
