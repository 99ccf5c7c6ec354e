"""One process at a time for a run's directory: who has it is named, and nobody has it longer than he lives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netyard import cli, locks

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")
HOLDER = """
import os, sys, time
from pathlib import Path
from netyard import locks

locks.hold(Path(sys.argv[1]))
if sys.argv[2:] == ["fork"] and os.fork():
    os.kill(os.getpid(), 9)  # and a child of it lives on
print("held", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def holder(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the folder; or, with ``fork``, the child of one that had it and was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), *words], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout and process.stdout.readline() == "held\n"
        if words:
            process.wait()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_of_one_directory(train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert train(*RUN, "trainer.max_epochs=1", path=run).code == 0
    assert not (run / locks.NAME).exists()
    with holder(run) as first:
        before = content(run)
        for words in ([*RUN, f"hydra.run.dir={run}"], [f"resume={run}", "trainer.max_epochs=2"]):
            ran = train(*words)
            assert ran.code == 5 and ran.err.count("error: ") == 1, ran.err
            assert f"process {first.pid}" in ran.err and "Traceback" not in ran.err
        interpolated = train(*RUN, f"hydra.run.dir={tmp_path}/${{oc.env:NOWHERE,run}}")
        assert interpolated.code == 5 and f"process {first.pid}" in interpolated.err
        for readers in (["evaluate", f"run={run}"], ["runs", str(tmp_path)], ["report", str(run)]):
            assert cli.main(readers) == 0
        assert content(run) == before
    resumed = train(f"resume={run}", "trainer.max_epochs=2")
    assert resumed.code == 0, resumed.err
    assert json.loads((run / "results.json").read_text())["epochs"] == 2
