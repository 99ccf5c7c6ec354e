"""The HPARAMS tab: what TensorBoard is told of a run, and what its server answers about a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

AXES = ["optimizer", "optimizer.lr", "optimizer.momentum", "model.hidden_sizes"]
JOBS = [
    ["optimizer=adam", "optimizer.lr=0.01"],
    ["optimizer=momentum", "optimizer.momentum=0.5"],
    ["optimizer=adam", "model.hidden_sizes=[8,8]"],
]
SWEPT = {
    "0": {"optimizer.lr": 0.01, "optimizer.momentum": "-", "model.hidden_sizes": "[16]"},
    "1": {"optimizer.lr": 0.03, "optimizer.momentum": 0.5, "model.hidden_sizes": "[16]"},
    "2": {"optimizer.lr": 0.001, "optimizer.momentum": "-", "model.hidden_sizes": "[8, 8]"},
}


@pytest.fixture
def sweep(train, tmp_path: Path) -> Path:
    """Three short runs that are told to be jobs of one sweep."""
    for number, overrides in enumerate(JOBS):
        path = tmp_path / "sweep" / str(number)
        path.mkdir(parents=True)
        (path / "job.json").write_text(json.dumps({"number": number, "axes": AXES, "study": None}), encoding="utf-8")
        ran = train("model=mlp_tiny", *overrides, "debug=smoke", f"seed={number}", f"hydra.run.dir={path}", path=path)
        assert ran.code == 0, ran.err
    return tmp_path / "sweep"


def told(run: Path) -> dict[str, Any]:
    """The hyperparameters in a run's event files."""
    events = EventAccumulator(str(run)).Reload()
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    written = HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in written.items()}


def test_every_job_of_a_sweep_is_told_with_the_same_columns(sweep: Path) -> None:
    columns = {job: told(sweep / job) for job in SWEPT}
    assert len({tuple(sorted(each)) for each in columns.values()}) == 1
    for job, swept in SWEPT.items():
        assert {key: columns[job][key] for key in swept} == swept
    assert {columns[job]["optimizer"] for job in SWEPT} == {"adam", "momentum"}
    assert [columns[job]["seed"] for job in SWEPT] == [0, 1, 2]
