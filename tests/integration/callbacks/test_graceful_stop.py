"""A signal to this process in the middle of a run: it ends in order, and goes on as if nothing had happened."""

from __future__ import annotations

import gc
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning import Trainer

from netyard.callbacks.graceful_stop import Signals
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.finished_runs import RUNS
from support.signalled_runs import ALLOW, RUN, SLOW, STEPS_OF_AN_EPOCH, done, slow

WHOLE = RUNS["uninterrupted"]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a callback of the user's; every signal of a run is taken back."""
    (tmp_path / "slow_steps.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    handlers = {number: signal.getsignal(number) for number in Signals.HANDLED}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests were started with nohup
    yield tmp_path
    sys.modules.pop("slow_steps", None)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "at"),
    [(signal.SIGINT, 5), (signal.SIGTERM, 30), (signal.SIGHUP, 27), (signal.SIGUSR1, 54)],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"],
)
def test_a_signalled_run_can_be_resumed_bit_for_bit(user: Path, train, finished, number: int, at: int) -> None:
    run = user / "run"
    ran = train(*WHOLE, *slow(signal=int(number), at=at), f"hydra.run.dir={run}")
    assert ran.code == 128 + number, ran.err
    assert re.search(rf"stopped; continue with: \S*python train\.py resume=\S*run {ALLOW}$", ran.out, re.MULTILINE)
    assert "Traceback" not in ran.err and f"interrupted by signal {int(number)}" in ran.err
    assert RunDir(run).status()["state"] == "interrupted"
    assert done(user) == at, "the step is finished, and it is the last"
    assert checkpoint.read(run / "checkpoints" / "last.ckpt")["global_step"] == at

    resumed = train(f"resume={run}", ALLOW, "callbacks.slow.signal=0", path=run)
    assert resumed.code == 0, resumed.err
    assert done(user) == 3 * STEPS_OF_AN_EPOCH
    whole = finished("uninterrupted")
    for name in ("best", "last"):
        got, wanted = (checkpoint.read(each / "checkpoints" / f"{name}.ckpt") for each in (run, whole))
        assert got["global_step"] == wanted["global_step"] and got["epoch"] == wanted["epoch"]
        for key, value in wanted["state_dict"].items():
            assert torch.equal(got["state_dict"][key], value), f"{name}: {key}"
    assert resumed.json("results.json")["objective"] == RunDir(whole).results()["objective"]
    assert resumed.json("status.json")["state"] == "completed"
    assert resumed.json("results.json")["throughput"]["train_samples_per_second"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_test_ends_at_once_and_is_done_again(user: Path, train, number: int) -> None:
    run = user / "run"
    ran = train(*RUN, "trainer.max_epochs=1", *slow(signal=int(number), testing="true"), f"hydra.run.dir={run}")
    assert ran.code == 128 + number, ran.err
    assert (user / "tested").stat().st_size == 1
    assert "stopped; continue with: " in ran.out
    assert RunDir(run).status()["state"] == "interrupted"
    resumed = train(f"resume={run}", ALLOW, "callbacks.slow.signal=0", path=run)
    assert resumed.json("results.json")["epochs"] == 1
    assert "test/accuracy" in resumed.json("results.json")["metrics"]


def test_under_nohup_a_run_outlives_its_terminal(user: Path, train) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ran = train(*RUN, "trainer.max_epochs=1", *slow(signal=int(signal.SIGHUP), at=5))
    assert ran.code == 0, ran.err
    assert done(user) == STEPS_OF_AN_EPOCH


def test_a_run_leaves_nothing_of_itself_in_its_process(train) -> None:
    """Lightning's handlers hold the network, and jobs may share a process."""

    def there() -> int:
        gc.collect()
        return sum(type(each) is Trainer for each in gc.get_objects())

    handlers, trainers = [signal.getsignal(number) for number in Signals.HANDLED], there()
    ran = train(*RUN, "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert [signal.getsignal(number) for number in Signals.HANDLED] == handlers
    assert there() <= trainers


def test_the_printed_command_is_typed_where_the_run_was_started(user: Path, train, monkeypatch) -> None:
    """With a folder of options, a changed working directory, a name with a space, and no dashboard."""
    (user / "conf" / "tags").mkdir(parents=True)
    words = (f"--config-dir={user / 'conf'}", "hydra.job.chdir=true", "logger=none", "hydra.run.dir='a run'")
    ran = train(*words, *WHOLE, *slow(signal=int(signal.SIGINT), at=5), path=user)
    typed = re.search(r"stopped; continue with: \S+ train\.py (.*)$", ran.out, re.MULTILINE)
    assert typed is not None and typed[1].startswith("--config-dir=")
    resumed = train(*shlex.split(typed[1]), "callbacks.slow.signal=0", path=user)
    assert resumed.code == 0, resumed.err
    assert "dashboard" not in resumed.out and "netyard evaluate 'run=a run'" in resumed.out
