"""What each job of a sweep tells the HPARAMS tab: the same columns, with the values of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from support.swept_hyperparameters import SWEPT, run_jobs


def told(run: Path) -> dict[str, Any]:
    """The hyperparameters in a run's event files."""
    events = EventAccumulator(str(run)).Reload()
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    written = HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in written.items()}


def test_every_job_of_a_sweep_is_told_with_the_same_columns(train, tmp_path: Path) -> None:
    sweep = run_jobs(train, tmp_path / "sweep")
    columns = {job: told(sweep / job) for job in SWEPT}
    assert len({tuple(sorted(each)) for each in columns.values()}) == 1
    for job, swept in SWEPT.items():
        assert {key: columns[job][key] for key in swept} == swept
    assert {columns[job]["optimizer"] for job in SWEPT} == {"adam", "momentum"}
    assert [columns[job]["seed"] for job in SWEPT] == [0, 1, 2]
