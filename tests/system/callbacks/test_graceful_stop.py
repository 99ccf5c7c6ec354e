"""Ctrl-C, sent to a real process: in order the first time, at once the second."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.signalled_runs import ALLOW
from support.waiting import PATIENCE, wait_until


def test_a_signalled_run_ends_in_order_and_goes_on(started, train, tmp_path: Path, monkeypatch) -> None:
    process = started("trainer.max_epochs=25", seconds=0.1, steps=3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "stopped; continue with: " in out and "Traceback" not in err
    run = tmp_path / "run"
    assert RunDir(run).status()["state"] == "interrupted"
    assert 3 <= checkpoint.read(run / "checkpoints" / "last.ckpt")["global_step"] < 25 * 27
    monkeypatch.syspath_prepend(tmp_path)
    resumed = train(f"resume={run}", ALLOW, "callbacks.slow.seconds=0", path=run)
    sys.modules.pop("slow_steps", None)
    assert resumed.code == 0, resumed.err


def test_a_second_signal_ends_the_process_at_once(started) -> None:
    """The first leaves the step time to finish, which here takes ten minutes."""
    process = started(seconds=600, steps=1)
    process.send_signal(signal.SIGTERM)
    # Once it has taken note, what Python does of itself is what the next signal does.
    wait_until(lambda: not caught(process.pid, signal.SIGTERM), "the first signal to be noted", process=process)
    assert process.poll() is None, "the step is finished first"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == -signal.SIGTERM


def caught(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)
