"""Two processes train one network: whichever is signalled or dies, both end, with one checkpoint and one message."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netyard import checkpoint, manifests
from netyard.rundir import RunDir

ROOT = Path(__file__).resolve().parents[2]
RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=10", "trainer=ddp_cpu", "trainer.max_epochs=2000", "logger=none")


@pytest.fixture
def two(tmp_path: Path):
    """A run of two processes that has trained an epoch, and the identifier of the second."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *RUN, f"hydra.run.dir={tmp_path / 'run'}"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what runs in the background ignores it
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()
    (second,) = (
        int(word)
        for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if b"train.py" in Path(f"/proc/{word}/cmdline").read_bytes()
    )
    yield process, second
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (alive := Path(f"/proc/{pid}").exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_signal_to_one_ends_both(two, tmp_path: Path, victim: str, number: int) -> None:
    process, second = two
    os.kill(process.pid if victim == "first" else second, number)
    out, err = process.communicate(timeout=30)
    assert gone(second, 5)
    assert process.returncode == 128 + number, err
    assert out.count("stopped; continue with: ") == 1
    assert err.count(f"interrupted by signal {int(number)}") == 1 and "Traceback" not in err
    run = RunDir(tmp_path / "run")
    assert run.status()["state"] == "interrupted"
    state = checkpoint.read(run.last)
    assert manifests.known(run.checkpoints)[0].step == state["global_step"]


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second"])
def test_the_death_of_one_ends_the_other(two, tmp_path: Path, victim: str) -> None:
    process, second = two
    os.kill(process.pid if victim == "first" else second, signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert gone(second, 15)
    if victim == "second":
        assert process.returncode == 5, err
        assert err.count("error: ") == 1 and "Traceback" not in err
    assert checkpoint.read(RunDir(tmp_path / "run").last)["epoch"] >= 0
