"""The campaign remembers what passed for as long as nothing that it depends on changed, and its table is honest."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.campaign import HEAD, Ledger, of_all, of_file, write_table

PAGE = f"# Title\n\nWritten once.\n\n{HEAD}| killed | 3 | 3 |\n| cut off | 9 | 9 |\n\nThe end.\n"
ONE, OTHER = "tests/unit/test_one.py::test", "tests/unit/test_other.py::test[1]"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "src/netyard/training/fit.py",
        "docs/faults.md",
        "tests/support/runs.py",
        "tests/system/docs/test_faults.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    (tmp_path / "tests" / "unit").mkdir()
    for test in (ONE, OTHER):
        (tmp_path / test.partition("::")[0]).write_text("before")
    return tmp_path


def ledger(root: Path, seed: str | None = None) -> Ledger:
    return Ledger(root / "ledger.jsonl", root, seed)


def ended(root: Path, *outcomes: str, rows: list[object] | None = None) -> Ledger:
    book = ledger(root)
    for test, outcome in zip((ONE, OTHER), outcomes, strict=False):
        book.add(test, outcome, 2.0, rows or [], "first", 1.0)
    return book


def test_it_goes_on_with_what_it_was(root: Path) -> None:
    book = ended(root, "passed", "failed")
    again = ledger(root)
    assert again.seed == book.seed and again.passed() == {ONE}
    assert (again.count("passed"), again.count("failed"), again.count("skipped")) == (1, 1, 0)
    again.add(OTHER, "skipped", 1.0, [], "second", 3.0)
    assert ledger(root).passed() == {ONE, OTHER} and ledger(root).minutes() == 4.0
    assert ledger(root, book.seed).passed() and not ledger(root, "another").passed()
    assert ledger(root).seed == "another"


@pytest.mark.parametrize(
    "name", ["src/netyard/training/fit.py", "tests/support/runs.py", "src/netyard/new.py", "conf/new.yaml"]
)
def test_another_source_begins_anew(root: Path, name: str) -> None:
    book = ended(root, "passed", "passed")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("after")
    again = ledger(root)
    assert not again.passed() and again.seed != book.seed and not again.table()
    assert again.expected(ONE) == 2.0, "how long it took is still known"


def test_another_file_of_tests_is_run_again_alone(root: Path) -> None:
    ended(root, "passed", "passed", rows=[["killed", 3, 3]])
    (root / ONE.partition("::")[0]).write_text("after")
    assert ledger(root).passed() == {OTHER} and ledger(root).table() == {"killed": (3, 3)}
    (root / OTHER.partition("::")[0]).unlink()
    assert not ledger(root).passed() and not ledger(root).table()


def test_tests_of_the_documents_depend_on_them(root: Path) -> None:
    shared, file = of_all(root), of_file(root, "tests/system/docs/test_faults.py")
    (root / "docs" / "faults.md").write_text("after")
    assert of_all(root) == shared and of_file(root, "tests/system/docs/test_faults.py") != file


def test_a_line_that_was_cut_off_counts_for_nothing(root: Path) -> None:
    ended(root, "passed", "passed")
    path = root / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    again = ledger(root)
    assert again.passed() == {ONE}
    again.add(OTHER, "passed", 1.0, [], "second", 1.0)
    assert ledger(root).passed() == {ONE, OTHER}


def test_rows_are_summed_and_a_failed_test_has_withstood_nothing(root: Path) -> None:
    assert ended(root, "passed", "passed", rows=[["killed", 3, 3]]).table() == {"killed": (6, 6)}
    assert ended(root, "passed", "failed", rows=[["killed", 3, 3]]).table() == {"killed": (6, 3)}
    assert ended(root, "failed", "failed", rows=[["killed", 3, 2]]).table() == {"killed": (6, 0)}


@pytest.mark.parametrize("end", ["\nThe end.\n", ""])
def test_the_table_of_a_page_is_replaced(tmp_path: Path, end: str) -> None:
    page = tmp_path / "README.md"
    page.write_text(PAGE.replace("\nThe end.\n", end), encoding="utf-8")
    write_table(page, {"cut off": (1200, 1199)}, r"Written \1 twice.")
    wanted = f"# Title\n\nWritten \\1 twice.\n\n{HEAD}| cut off | 1,200 | 1,199 |\n{end}"
    assert page.read_text(encoding="utf-8") == wanted
    page.write_text("# Title\n")
    with pytest.raises(ValueError, match="has no table that begins with"):
        write_table(page, {}, "")
