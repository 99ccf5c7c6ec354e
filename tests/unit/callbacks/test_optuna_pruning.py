"""A job is pruned by one objective, not by several."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.callbacks.optuna_pruning import Pruning

optuna = pytest.importorskip("optuna")


def test_a_study_of_several_objectives_prunes_nothing(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(storage=url, study_name="two", directions=["minimize", "maximize"]).ask()
    with pytest.raises(ValueError, match="study 'two' has 2 objectives; a job is pruned by one objective; try"):
        Pruning(url, "two", 0, "median")._open()
