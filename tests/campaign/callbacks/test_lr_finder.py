"""The learning rate that is found for each kind of task."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.learning_rate_search import check_found_rate


@pytest.mark.parametrize(
    "overrides",
    [["data=digits"], ["data=diabetes"], ["model=vae_tiny"], ["model=lstm_tiny"], ["data=iris", "optimizer=sgd"]],
    ids=" ".join,
)
def test_a_learning_rate_is_found_at_which_the_task_learns(train, overrides: list[str], tmp_path: Path) -> None:
    check_found_rate(train, overrides, tmp_path)
