"""Identical image files in two splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.data.images import same_files


@pytest.fixture
def splits(tmp_path: Path) -> dict[str, list[Path]]:
    head = b"h" * 4096
    contents = {
        "train": [b"one", b"two", head + b"a", b"alone"],
        "val": [b"six", head + b"b"],  # as long as files of training, but other bytes
        "test": [b"two", b"two", head + b"a"],
    }
    found: dict[str, list[Path]] = {}
    for name, files in contents.items():
        for number, content in enumerate(files):
            path = tmp_path / f"{name}{number}"
            path.write_bytes(content)
            found.setdefault(name, []).append(path)
    return found


def test_files_with_the_same_bytes_are_counted(splits: dict[str, list[Path]]) -> None:
    assert same_files.between_splits(splits) == ({"train-val": 0, "train-test": 3, "val-test": 0}, "")


def test_files_of_a_size_that_no_other_split_has_are_not_opened(
    splits: dict[str, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    start = same_files._start
    monkeypatch.setattr(same_files, "_start", lambda path: opened.append(path.name) or start(path))
    same_files.between_splits(splits)
    assert "train3" not in opened and len(opened) == 8


@pytest.mark.parametrize(("name", "limit"), [("MAX_SAMPLES", 8), ("MAX_FILES", 7), ("MAX_BYTES", 5)])
def test_what_is_not_compared_is_said(
    splits: dict[str, list[Path]], name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(same_files, name, limit)
    found, note = same_files.between_splits(splits)
    assert found is None and note
