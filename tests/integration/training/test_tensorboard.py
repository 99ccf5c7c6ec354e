"""What each job of a sweep tells the HPARAMS tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from support.swept_hyperparameters import AXES, SWEPT, run_jobs


def start_of(run: Path) -> Any:
    """What a run's event files tell the tab."""
    events = EventAccumulator(str(run)).Reload()
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    return HParamsPluginData.FromString(content).session_start_info


def told(run: Path) -> dict[str, Any]:
    """The hyperparameters in a run's event files."""
    written = start_of(run).hparams
    return {name: getattr(value, str(value.WhichOneof("kind"))) for name, value in written.items()}


def test_every_job_of_a_sweep_is_told_with_its_own_values(train, tmp_path: Path) -> None:
    sweep = run_jobs(train, tmp_path / "sweep")
    columns = {job: told(sweep / job) for job in SWEPT}
    for job, swept in SWEPT.items():
        assert {key: value for key, value in columns[job].items() if key in AXES and key != "optimizer"} == swept
    assert {columns[job]["optimizer"] for job in SWEPT} == {"adam", "momentum"}
    assert [columns[job]["seed"] for job in SWEPT] == [0, 1, 2]
    names = [start_of(sweep / job).group_name for job in SWEPT]
    assert len({*names}) == len(names) and "optimizer=adam" in names[0] and "/sweep/0 " in names[0]
    # A summary of the columns of one run would hide those of all others below the same folder.
    assert "_hparams_/experiment" not in EventAccumulator(str(sweep / "0")).Reload().summary_metadata
    # In a folder of runs whose models differ, the columns are sorted by name.
    assert min(columns["0"]) == "model"
