"""Every signal that is heard, sent to a real process: in order the first time, at once the second."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.signalled_runs import done
from support.waiting import PATIENCE, wait_for, wait_until

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_ends_a_run_in_order(started, tmp_path: Path, name: str) -> None:
    process, number = started("trainer.max_epochs=1000", seconds=0.06, steps=5), signal.Signals[name]
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, err
    assert "stopped; continue with: " in out and "Traceback" not in err
    assert checkpoint.read(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] >= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_ends_a_test_at_once(started, tmp_path: Path, name: str) -> None:
    process, number = started("trainer.max_epochs=1", "data.batch_size=60", seconds=3, steps=1), signal.Signals[name]
    wait_for(tmp_path / "tested", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, err
    assert "stopped; continue with: " in out
    assert (tmp_path / "tested").stat().st_size == 1
    assert RunDir(tmp_path / "run").status()["state"] == "interrupted"


def test_under_nohup_a_run_outlives_its_terminal(started, tmp_path: Path) -> None:
    process = started("trainer.max_epochs=2", seconds=0.06, steps=5, nohup=True)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out + err
    assert done(tmp_path) == 54


@pytest.mark.parametrize("name", NAMES)
def test_a_second_signal_ends_the_process_at_once(started, name: str) -> None:
    process, number = started(seconds=600, steps=1), signal.Signals[name]

    def caught() -> bool:
        status = Path(f"/proc/{process.pid}/status").read_text()
        mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(mask, 16) >> (number - 1) & 1)

    process.send_signal(number)
    wait_until(lambda: not caught(), "the first signal to be noted", process=process)
    assert process.poll() is None, "the step is finished first"
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE) == -number
