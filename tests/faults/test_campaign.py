"""The table of faults says what was seen, and a fault that was not withstood fails its test."""

from __future__ import annotations

from pathlib import Path

import pytest
from campaign import HEAD, enter

PAGE = f"# Title\n\n{HEAD}\n| --- | ---: | ---: |\n| killed | 3 | 3 |\n\nThe end.\n"


def test_a_row_is_written_once(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(PAGE, encoding="utf-8")
    enter("killed", 3, 3, page)
    assert page.read_text(encoding="utf-8") == PAGE
    enter("cut off", 1200, 1200, page)
    enter("killed", 4, 4, page)
    rows = "| killed | 4 | 4 |\n| cut off | 1,200 | 1,200 |\n"
    assert page.read_text(encoding="utf-8") == PAGE.replace("| killed | 3 | 3 |\n", rows)


def test_the_table_may_end_the_page(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"{HEAD}\n| --- | ---: | ---: |\n", encoding="utf-8")
    enter("killed", 1, 1, page)
    assert page.read_text(encoding="utf-8").endswith("| ---: |\n| killed | 1 | 1 |\n")


def test_what_was_not_withstood_is_in_the_table_and_fails(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(PAGE, encoding="utf-8")
    with pytest.raises(AssertionError, match="killed: 1 of 2"):
        enter("killed", 2, 1, page)
    assert "| killed | 2 | 1 |" in page.read_text(encoding="utf-8")
