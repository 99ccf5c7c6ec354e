"""A disk that is full at any point of a save: one message, and nothing saved is lost."""

from __future__ import annotations

from itertools import count, takewhile
from pathlib import Path

import pytest

from support.full_disk import HISTORIES, withstood


@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_a_full_disk_at_every_point_of_a_save(tally, tmp_path: Path, history: tuple[int, tuple[bool, ...]]) -> None:
    endings = (withstood(tmp_path / str(point), history, point) for point in count(1))
    found = [*takewhile(lambda each: each is not None, endings)]
    assert len(found) > 30
    tally("given a full disk at a point of a save", len(found), sum(map(bool, found)))
