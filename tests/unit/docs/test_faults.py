"""The page of faults names tests that exist, and the codes that errors have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from netyard import errors

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 45
    for file, name in named:
        functions = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        assert name in {node.name for node in functions if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_every_fault_of_the_page_is_shown_by_one() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line.count(" | ") == 3]
    assert all("::" in row or row.startswith(("| fault", "| ---")) for row in rows)


def test_the_codes_are_those_of_the_errors() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert codes - {0, 1} <= {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)}
