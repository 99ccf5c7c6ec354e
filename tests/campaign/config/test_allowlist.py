"""Overrides that name code to run, all of them: refused, and nothing was run."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hostile_overrides import OVERRIDES, followed_nowhere

CHUNKS = 4


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_hostile_override_is_followed(tally, train, tmp_path: Path, chunk: int) -> None:
    tried = OVERRIDES[chunk::CHUNKS]
    withstood = [
        followed_nowhere(train, each, tmp_path / "canary", tmp_path / f"{at}") for at, each in enumerate(tried)
    ]
    tally("given an override that names code to run", len(tried), sum(withstood))
