"""What a task makes is drawn after each validation, and never disturbs the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.finished_runs import RUNS
from support.sample_images import check_drawn


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_vae_is_drawn_after_each_validation_and_learns_no_different(finished, train) -> None:
    seen, unseen = finished("drawn_samples"), train(*RUNS["drawn_samples"], "callbacks.samples=null")
    assert unseen.code == 0, unseen.err
    check_drawn(seen, unseen.path)
