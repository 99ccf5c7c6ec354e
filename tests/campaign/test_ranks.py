"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netyard import checkpoint, manifests
from netyard.rundir import RunDir

RAISING = """
import os, sys
from netyard import cli, errors
from netyard.callbacks.finite import Finite

def fail(self, trainer, module, outputs, batch, batch_idx):
    if trainer.global_rank == 1 and trainer.global_step == 5:
        raise errors.DataError("picture 7 is broken;", "pictures are whole;", "delete it.")

Finite.on_train_batch_end = fail
open("pids", "a").write(f"{os.getpid()}\\n")
sys.exit(cli.train())
"""


def test_a_rank_that_raises_is_the_one_that_is_heard(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(RAISING)
    words = (
        "model=mlp_tiny",
        "data=iris",
        "data.batch_size=10",
        "trainer=ddp_cpu",
        "trainer.max_epochs=3",
        "logger=none",
    )
    done = subprocess.run(
        [sys.executable, "train.py", *words, "hydra.run.dir=run"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error: ") == 1 and "error: picture 7 is broken; pictures are whole;" in done.stderr
    deadline = time.monotonic() + 10
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 2
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


ORPHAN = """
import os, subprocess, sys, time
if sys.argv[1:]:
    from netyard import ranks
    assert ranks.of_lightning()
    ranks.end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)
child = subprocess.Popen([sys.executable, "-c", sys.stdin.read(), "child"], env={**os.environ, "LOCAL_RANK": "1"})
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
def test_a_rank_ends_with_the_process_that_started_it() -> None:
    command = [sys.executable, "-c", ORPHAN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin and parent.stdout
        parent.stdin.write(ORPHAN)
        parent.stdin.close()
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while (alive := running(child)) and time.monotonic() < deadline:
        time.sleep(0.02)
    if alive:
        os.kill(child, signal.SIGKILL)
    assert not alive


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


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


QUICK = ("model=mlp_tiny", "trainer.max_epochs=2", "logger=none")
# What a user may write: it notes every sample that an evaluation shows to this process.
WITNESS = """
import hashlib, os
from pathlib import Path
from lightning import Callback

class Witness(Callback):
    def __init__(self, folder):
        self.folder = Path(folder)

    def note(self, stage, batch):
        with (self.folder / f"{stage}-{os.environ.get('LOCAL_RANK', '0')}").open("a") as file:
            file.writelines(hashlib.md5(x.numpy().tobytes()).hexdigest() + "\\n" for x in batch[0])

    def on_validation_batch_end(self, trainer, module, outputs, batch, *_):
        self.note("val", batch)

    def on_test_batch_end(self, trainer, module, outputs, batch, *_):
        self.note("test", batch)
"""
# Lightning wants a GPU for the class itself, and torch one to ask for its streams; what is shared out is the same.
FSDP_ON_CPU = """
import torch
from lightning.pytorch.strategies import FSDPStrategy
from torch.distributed.fsdp import fully_sharded_data_parallel as fsdp
from torch.distributed.fsdp._common_utils import _FSDPDeviceHandle

def on_cpu(state, *_):
    state._device_handle = _FSDPDeviceHandle(torch.device("cpu"), torch.cpu)
    return state

fsdp._init_device_handle = on_cpu

class SharedWeights(FSDPStrategy):
    pass
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a callback and a strategy of the user's."""
    (tmp_path / "witness.py").write_text(WITNESS)
    (tmp_path / "shared.py").write_text(FSDP_ON_CPU)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def torchrun(tmp_path: Path, options: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *options.split(), str(ROOT / "train.py"), *words],
        cwd=tmp_path,
        env={**os.environ, "NETYARD_OUTPUTS": str(tmp_path / "outputs"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def assert_same_scores(one: Path, two: Path) -> None:
    scores = [json.loads((path / "results.json").read_text()) for path in (one, two)]
    assert scores[0]["steps"] == scores[1]["steps"]
    for name, value in scores[0]["metrics"].items():
        assert scores[1]["metrics"][name] == pytest.approx(value, abs=1e-4, rel=1e-4), name


HANGING = """
import os, subprocess, sys, time
from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from netyard import ranks

ranks._HANGS = 0.2
ranks.end_with_words()
dies, waits = "raise SystemExit(3)", "import time; time.sleep(60)"
others = [subprocess.Popen([sys.executable, "-c", code]) for code in (dies, waits)]
print(others[1].pid, flush=True)
_ChildProcessObserver(os.getpid(), others, sleep_period=0.1).start()
time.sleep(60)
"""


def test_a_process_that_hangs_when_another_has_died_ends_with_words() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 5
    assert ended.stderr.count("error: another process of this run is gone (it has died); ") == 1
    other, until = Path(f"/proc/{int(ended.stdout)}"), time.monotonic() + 15
    while other.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not other.exists(), "it has ended the others"


def test_torchrun_leaves_one_directory(command, tmp_path: Path) -> None:
    """Two processes of one machine, then two machines of one process each, which here are one machine."""
    one = command("train.py", *QUICK, f"hydra.run.dir={tmp_path / 'one'}")
    assert one.code == 0, one.err

    process = torchrun(tmp_path, "--standalone --nproc_per_node 2", *QUICK, "trainer=ddp_cpu")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    [run] = (tmp_path / "outputs").glob("*/*")
    assert_same_scores(tmp_path / "one", run)
    assert out.count("epoch   0") == 1, "one process speaks"
    assert (run / ".hydra" / "overrides.yaml").read_text().splitlines() == [
        f"- {word}" for word in (*QUICK, "trainer=ddp_cpu")
    ]

    meet = f"--nnodes 2 --nproc_per_node 1 --rdzv_backend c10d --rdzv_endpoint localhost:{free_port()} --rdzv_id 1"
    words = (*QUICK, "trainer=ddp_cpu", "trainer.devices=1", "trainer.num_nodes=2")
    (tmp_path / "nodes").mkdir()
    nodes = [torchrun(tmp_path / "nodes", meet, *words) for _ in range(2)]
    for node in nodes:
        _, err = node.communicate(timeout=300)
        assert node.returncode == 0, err
    [run] = (tmp_path / "nodes" / "outputs").glob("*/*")
    assert_same_scores(tmp_path / "one", run)
    assert sorted(path.name for path in (tmp_path / "nodes").iterdir()) == ["outputs"]


def test_a_trainer_for_another_number_of_processes_is_one_message(tmp_path: Path) -> None:
    process = torchrun(tmp_path, "--standalone --nproc_per_node 2", *QUICK, "trainer=cpu")
    _, err = process.communicate(timeout=300)
    assert process.returncode != 0
    assert err.count("error: torchrun has started 2 processes on each of 1 nodes, and trainer.devices is 1") == 1
    assert "try trainer=ddp trainer.devices=2 trainer.num_nodes=1" in err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_processes_that_share_the_weights_train_as_one(command, user: Path) -> None:
    strategy = "trainer.strategy={_target_:shared.SharedWeights,process_group_backend:gloo}"
    words = ("trainer=ddp_cpu", strategy, "--allow-target=shared.SharedWeights")
    one = command("train.py", *QUICK, f"hydra.run.dir={user / 'one'}")
    two = command("train.py", *QUICK, *words, f"hydra.run.dir={user / 'two'}")
    assert (one.code, two.code) == (0, 0), two.err
    assert_same_scores(user / "one", user / "two")


def test_an_evaluation_by_two_processes_shows_every_sample_once(command, user: Path) -> None:
    """Neither of the parts can be halved."""
    for name, trainer in (("one", "cpu"), ("two", "ddp_cpu")):
        (user / name).mkdir()
        ran = command(
            "train.py",
            "model=mlp_tiny",
            f"trainer={trainer}",
            "trainer.max_epochs=1",
            "logger=none",
            "data=fake",
            "data.size=107",
            "data.eval_batch_size=8",
            f"+callbacks.witness={{_target_:witness.Witness,folder:{user / name}}}",
            "--allow-target=witness.Witness",
            f"hydra.run.dir={user / name / 'run'}",
        )
        assert ran.code == 0, ran.err
    for stage in ("val", "test"):
        alone, *_ = seen(user / "one", stage)
        shares = seen(user / "two", stage)
        assert len(alone) % 2 == 1, "or this would show nothing"
        assert len(shares) == 2 and abs(len(shares[0]) - len(shares[1])) < len(alone) / 2
        assert sorted(shares[0] + shares[1]) == sorted(alone)
    assert_same_scores(user / "one" / "run", user / "two" / "run")


def seen(folder: Path, stage: str) -> list[list[str]]:
    return [path.read_text().split() for path in sorted(folder.glob(f"{stage}-*"))]
