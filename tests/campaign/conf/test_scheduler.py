"""Every schedule that is listed takes a run to its end."""

from __future__ import annotations

import pytest

from netyard.config import catalog


@pytest.mark.parametrize("name", catalog.options("scheduler"))
def test_every_scheduler_runs(train, name: str) -> None:
    ran = train(f"scheduler={name}", "model=mlp_tiny", "trainer.max_epochs=2", "logger=none")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["steps"] == 40
