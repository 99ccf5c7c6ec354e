"""What is read from directories: runs at any depth, states and their reasons, and files that are broken."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from netyard.reports.runs import Run, gather
from support.run_directories import made_run


def states(runs: list[Run]) -> dict[str, tuple[str, str]]:
    return {run.path.name: (run.state, run.reason) for run in runs}


def test_a_run_whose_process_is_gone_does_not_run(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    for name, pid in {"dead": child, "alive": os.getpid()}.items():
        status = {"state": "running", "ended": None, "pid": pid, "host": socket.gethostname(), "error": None}
        (made_run(tmp_path / name, None) / "status.json").write_text(json.dumps(status))
    found = states(gather([tmp_path])[0])
    assert found == {"alive": ("running", ""), "dead": ("interrupted", f"process {child} is gone")}
