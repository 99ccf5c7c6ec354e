"""Three short runs of one sweep, and the expected content of the HPARAMS tab."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from support.command_result import Ran

SHORT = ("debug=smoke", "callbacks.figures=null")
AXES = ["optimizer", "optimizer.lr", "optimizer.momentum", "model.hidden_sizes"]
JOBS = [
    ["optimizer=adam", "optimizer.lr=0.01"],
    ["optimizer=momentum", "optimizer.momentum=0.5"],
    ["optimizer=adam", "model.hidden_sizes=[8,8]"],
]
SWEPT = {
    "0": {"optimizer.lr": 0.01, "model.hidden_sizes": "[16]"},
    "1": {"optimizer.lr": 0.03, "optimizer.momentum": 0.5, "model.hidden_sizes": "[16]"},
    "2": {"optimizer.lr": 0.001, "model.hidden_sizes": "[8, 8]"},
}


def run_jobs(train: Callable[..., Ran], folder: Path) -> Path:
    """Run three short jobs of one sweep in this folder."""
    for number, overrides in enumerate(JOBS):
        path = folder / str(number)
        path.mkdir(parents=True)
        job = {"number": number, "name": " ".join(overrides), "axes": AXES, "study": None}
        (path / "job.json").write_text(json.dumps(job), encoding="utf-8")
        ran = train("model=mlp_tiny", *overrides, *SHORT, f"seed={number}", f"hydra.run.dir={path}", path=path)
        assert ran.code == 0, ran.err
    return folder
