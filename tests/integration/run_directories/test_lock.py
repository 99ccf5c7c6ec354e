"""A run's directory that another process has is not run in, resumed or changed, and may be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netyard.cli import main
from netyard.run_directories import lock
from support.lock_holder import holder

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_of_one_directory(train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert train(*RUN, "trainer.max_epochs=1", path=run).code == 0
    assert not (run / lock.NAME).exists()
    with holder(run) as first:
        before = content(run)
        for words in ([*RUN, f"hydra.run.dir={run}"], [f"resume={run}", "trainer.max_epochs=2"]):
            ran = train(*words)
            assert ran.code == 5 and ran.err.count("error: ") == 1, ran.err
            assert f"process {first.pid}" in ran.err and "Traceback" not in ran.err
        interpolated = train(*RUN, f"hydra.run.dir={tmp_path}/${{oc.env:NOWHERE,run}}")
        assert interpolated.code == 5 and f"process {first.pid}" in interpolated.err
        for readers in (["evaluate", f"run={run}"], ["runs", str(tmp_path)], ["report", str(run), "format=csv"]):
            assert main.main(readers) == 0
        assert content(run) == before
    resumed = train(f"resume={run}", "trainer.max_epochs=2")
    assert resumed.code == 0, resumed.err
    assert json.loads((run / "results.json").read_text())["epochs"] == 2
