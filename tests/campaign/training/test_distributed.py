"""What the machine does to the processes of a run in full: every signal to each, torchrun, shared weights."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.finished_runs import FinishedRuns
from support.processes import Processes
from support.ranks import WITNESS, assert_every_sample_once, assert_same_scores
from support.waiting import PATIENCE, wait_until_gone

ROOT = Path(__file__).resolve().parents[3]
QUICK = ("model=mlp_tiny", "trainer.max_epochs=2", "logger=none")
LEARNED = [
    (
        "task=multilabel", "model=mlp_tiny", "data=image_folder", "data.root=FILES/photos",
        "data.labels=FILES/tags.csv", "data.image_size=8", "data.num_workers=0", "data.batch_size=4",
        "data.val_fraction=0.3",
    ),
    ("task=anomaly", "model=autoencoder_tiny", "task.normal=[0,1,2,3,4]", "task.false_alarms=0.05"),
    (
        "model=gru_tiny", "data=series", "data.path=FILES/shops.csv", "data.column=sold", "data.series_id=shop",
        "data.gaps=previous", "data.window=7", "data.horizon=3", "data.batch_size=4",
    ),
]  # fmt: skip
RAISING = """
import os
from pathlib import Path
from lightning import Callback
from netyard.errors import DataError

class Raising(Callback):
    def on_train_batch_end(self, trainer, *_):
        Path("pids", str(os.getpid())).touch()
        if trainer.global_rank == 1 and trainer.global_step == 5:
            raise DataError("picture 7 is broken;", "pictures are whole;", "delete it.")
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


def test_a_rank_that_raises_is_the_one_that_is_heard(processes, tmp_path: Path) -> None:
    (tmp_path / "raising.py").write_text(RAISING)
    (tmp_path / "pids").mkdir()
    words = ("model=mlp_tiny", "data=iris", "data.batch_size=10", "trainer=ddp_cpu", "trainer.max_epochs=3")
    raising = ("+callbacks.raising._target_=raising.Raising", "--allow-target=raising.Raising")
    done = processes.run(
        str(ROOT / "train.py"), *words, *raising, "logger=none", "hydra.run.dir=run", cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error: ") == 1 and "error: picture 7 is broken; pictures are whole;" in done.stderr
    pids = [path.name for path in (tmp_path / "pids").iterdir()]
    assert len(pids) == 2
    wait_until_gone(*pids)


@pytest.mark.parametrize("victim", ["first", "second"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_signal_to_one_ends_both(two, tmp_path: Path, victim: str, number: int) -> None:
    process, second = two
    os.kill(process.pid if victim == "first" else second, number)
    out, err = process.communicate(timeout=PATIENCE)
    wait_until_gone(second)
    assert process.returncode == 128 + number, err
    assert out.count("stopped; continue with: ") == 1
    assert err.count(f"interrupted by signal {int(number)}") == 1 and "Traceback" not in err
    run = RunDir(tmp_path / "run")
    assert run.status()["state"] == "interrupted"
    state = checkpoint.read(run.last)
    assert manifest.read_all(run.checkpoints)[0].step == state["global_step"]


@pytest.mark.parametrize("victim", ["first", "second"])
def test_the_death_of_one_ends_the_other(two, tmp_path: Path, victim: str) -> None:
    process, second = two
    os.kill(process.pid if victim == "first" else second, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE)
    wait_until_gone(second)
    if victim == "second":
        assert process.returncode == 5, err
        assert err.count("error: ") == 1 and "Traceback" not in err
    assert checkpoint.read(RunDir(tmp_path / "run").last)["epoch"] >= 0


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a callback and a strategy of the user's."""
    (tmp_path / "witness.py").write_text(WITNESS)
    (tmp_path / "shared.py").write_text(FSDP_ON_CPU)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def torchrun(processes: Processes, tmp_path: Path, options: str, *words: str) -> subprocess.Popen[str]:
    return processes.start(
        *("-m", "torch.distributed.run", *options.split(), str(ROOT / "train.py"), *words),
        cwd=tmp_path,
        NETYARD_OUTPUTS=str(tmp_path / "outputs"),
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


HANGING = """
import subprocess, sys
from netyard.training import rank_processes

rank_processes._HANGS, rank_processes._PERIOD = 0.2, 0.1
dies, waits = "raise SystemExit(3)", "import time; time.sleep(600)"
others = [subprocess.Popen([sys.executable, "-c", code]) for code in (dies, waits)]
print(others[1].pid, flush=True)
ranks = rank_processes.RankProcesses(None)
ranks.processes = others
ranks._watch()
"""


def test_a_process_that_hangs_when_another_has_died_ends_with_words(processes) -> None:
    ended = processes.run("-c", HANGING)
    assert ended.returncode == 5
    assert ended.stderr.count("error: another process of this run is gone (it has died); ") == 1
    wait_until_gone(int(ended.stdout))


def test_torchrun_leaves_one_directory(command, processes, tmp_path: Path) -> None:
    """Two processes of one machine, then two machines of one process each, which here are one machine."""
    one = command("train.py", *QUICK, f"hydra.run.dir={tmp_path / 'one'}")
    assert one.code == 0, one.err

    process = torchrun(processes, tmp_path, "--standalone --nproc_per_node 2", *QUICK, "trainer=ddp_cpu")
    out, err = process.communicate(timeout=5 * PATIENCE)
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
    nodes = [torchrun(processes, tmp_path / "nodes", meet, *words) for _ in range(2)]
    for node in nodes:
        _, err = node.communicate(timeout=5 * PATIENCE)
        assert node.returncode == 0, err
    [run] = (tmp_path / "nodes" / "outputs").glob("*/*")
    assert_same_scores(tmp_path / "one", run)
    assert sorted(path.name for path in (tmp_path / "nodes").iterdir()) == ["outputs"]


def test_a_trainer_for_another_number_of_processes_is_one_message(processes, tmp_path: Path) -> None:
    process = torchrun(processes, tmp_path, "--standalone --nproc_per_node 2", *QUICK, "trainer=cpu")
    _, err = process.communicate(timeout=5 * PATIENCE)
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


@pytest.mark.parametrize("words", LEARNED, ids=lambda words: words[0])
def test_two_processes_learn_as_one(command, finished: FinishedRuns, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Their shares of normal samples differ, and thresholds are chosen on the scores of all."""
    files = [word.replace("FILES", str(finished.files)) for word in words]
    for name, trainer in (("one", "cpu"), ("two", "ddp_cpu")):
        settings = (f"trainer={trainer}", "trainer.max_epochs=2", "logger=none", f"hydra.run.dir={tmp_path / name}")
        ran = command("train.py", *files, *settings)
        assert ran.code == 0, ran.err
    assert_same_scores(tmp_path / "one", tmp_path / "two")


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
    assert_every_sample_once(user / "one", user / "two")
    assert_same_scores(user / "one" / "run", user / "two" / "run")
