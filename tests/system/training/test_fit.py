"""What a run leaves on disk: the files, their schema, and that each can be used for what it is for."""

from __future__ import annotations

import json
from pathlib import Path


def test_the_default_directory_names_date_time_model_and_data(command, tmp_path: Path) -> None:
    ran = command("train.py", "model=mlp_tiny", "debug=smoke", warm=True)
    assert ran.code == 0, ran.err
    (run,) = (tmp_path / "outputs").glob("*/*")
    assert run.name.endswith("-mlp_tiny-digits")
    assert json.loads((run / "results.json").read_text())["steps"] == 2


def test_a_mistyped_sweep_leaves_no_directory(command, tmp_path: Path) -> None:
    ran = command("train.py", "-m", "optimzer=adam,sgd")
    assert ran.code == 2
    assert "did you mean 'optimizer'" in ran.err
    assert not list((tmp_path / "outputs").rglob("multirun.yaml"))
