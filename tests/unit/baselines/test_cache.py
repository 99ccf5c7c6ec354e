"""The cache of baselines: computed once, damaged files replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netyard.baselines.cache import cached, folder


def fail() -> dict[str, Any]:
    raise AssertionError("computed again")


def test_what_was_computed_is_read_again(tmp_path: Path) -> None:
    assert cached(tmp_path / "new", "key", lambda: {"a": 1.5}) == {"a": 1.5}
    assert cached(tmp_path / "new", "key", fail) == {"a": 1.5}
    assert cached(tmp_path / "new", "other", lambda: {"a": 2}) == {"a": 2}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": 1, "key": "other", "found": {}}', "[" * 100_000, "\x00"]
)
def test_a_damaged_file_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.json").write_text(content)
    assert cached(tmp_path, "key", lambda: {"a": 1}) == {"a": 1}
    assert cached(tmp_path, "key", fail) == {"a": 1}


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cached(tmp_path / "file" / "below", "key", lambda: {"a": 1}) == {"a": 1}


def test_the_folder_is_that_of_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETYARD_DATA", str(tmp_path))
    assert folder() == tmp_path / "baselines"
