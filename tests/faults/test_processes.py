"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.distributed import TCPStore

from netyard import explain, ranks
from netyard.data import loaders
from netyard.data.loaders import EvalOrder, WorkerLoader
from netyard.errors import ConfigError, DataError, LostPeer, NetyardError, PlatformError
from netyard.run import _require_device

ROOT = Path(__file__).resolve().parents[2]
RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


def run(script: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A process of its own, which a test may limit, change and kill."""
    return subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False, **options
    )


# Words of torch and Python


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), PlatformError, "not enough memory: MemoryError, after "),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), PlatformError, "data.batch_size"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), PlatformError, "not enough memory: CUDA"),
        (OSError(11, "Resource temporarily unavailable"), PlatformError, "ulimit"),
        (OSError(24, "Too many open files", "x.png"), PlatformError, "x.png: Too many open files"),
        (OSError(28, "No space left on device"), PlatformError, "the disk is full"),
        (OSError(5, "Input/output error", "a"), PlatformError, "a: Input/output error"),
        (RuntimeError("Could not determine home directory."), PlatformError, "set HOME"),
        (RuntimeError("Connection closed by peer [127.0.0.1]:1"), LostPeer, "another process"),
        (RuntimeError("what no library says"), type(None), "None"),
        (FileNotFoundError(2, "No such file", "x"), type(None), "None"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_libraries_say_of_the_machine_is_understood(error: Exception, kind: type, said: str) -> None:
    found = explain.explain(error)
    assert isinstance(found, kind) and said in str(found)


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("MASTER_PORT", str(port))
        with pytest.raises(RuntimeError) as raised:
            TCPStore("127.0.0.1", port, 2, is_master=True, wait_for_workers=False)
    found = explain.explain(raised.value)
    assert isinstance(found, PlatformError) and f"MASTER_PORT={port}" in str(found) and "unset" in str(found)


class Devices(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


@pytest.mark.parametrize(("devices", "fine"), [(1, True), (2, True), (-1, True), (3, False), ("auto", True)])
def test_more_devices_than_there_are(monkeypatch: pytest.MonkeyPatch, devices: Any, fine: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    trainer: Any = Devices(accelerator="gpu", devices=devices)
    if fine:
        _require_device(trainer)
        return
    with pytest.raises(PlatformError, match=r"trainer\.devices is 3, and the number of CUDA devices here is 2; .*=2"):
        _require_device(trainer)


FULL = """
import resource, sys
from netyard import cli, run

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2_000_000_000, resource.RLIM_INFINITY))
sys.argv = ["train.py", *sys.argv[1:]]
sys.exit(cli.train())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what it uses")
def test_a_limit_of_memory_is_one_message(tmp_path: Path) -> None:
    done = run(FULL, *RUN, "model.hidden_sizes=[40000,40000]", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert "there is not enough memory" in done.stderr and "GB of this process" in done.stderr
    assert not (tmp_path / "run").exists()


# Workers of a loader


class Pairs:
    def __getitems__(self, pairs: list[tuple[int, int]]) -> Any:
        index, key = torch.tensor(pairs).unbind(dim=1)
        return index[:, None].float(), index, key


class Bad(Pairs):
    def __getitems__(self, pairs: list[tuple[int, int]]) -> Any:
        return DataError("photo.jpg is broken;", "it must not be;", "delete it.")


def test_batches_go_through_pipes_where_shared_memory_is_small(monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(loaders, "_is_small", lambda place: True)
    with caplog.at_level("WARNING", "netyard"):
        loader = WorkerLoader(Pairs(), EvalOrder(10, 4), 1, seed=0)
    assert "/dev/shm is small" in caplog.text and loader.in_pipes
    wanted = [*WorkerLoader(Pairs(), EvalOrder(10, 4), 0, seed=0)]
    for got, want in zip(loader, wanted, strict=True):
        assert all(one.dtype == other.dtype and torch.equal(one, other) for one, other in zip(got, want, strict=True))
        assert not got[0].is_shared()
    with pytest.raises(DataError, match=r"photo\.jpg"):
        next(iter(WorkerLoader(Bad(), EvalOrder(8, 4), 1, seed=0)))


def test_what_small_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for size, small in ((64 << 20, True), (65 << 20, False)):
        monkeypatch.setattr("shutil.disk_usage", lambda place, size=size: Devices(total=size))
        assert loaders._is_small(tmp_path) is small
    assert not loaders._is_small(tmp_path / "of another system")


KILLED = """
import os, signal, sys
from netyard import cli
from netyard.data import folders

read = folders.read_square

def deadly(path, *rest):
    if path.name == "3.png" and os.getpid() != main:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, *rest)

folders.read_square, main = deadly, os.getpid()
sys.argv = ["train.py", *sys.argv[1:]]
sys.exit(cli.train())
"""


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_run_in_order(tmp_path: Path, train) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(tmp_path / "pictures" / label / f"{number}.png")
    words = ("data=image_folder", f"data.root={tmp_path / 'pictures'}", "data.image_size=8", "data.batch_size=4")
    words = (*words, "model=cnn_tiny", "trainer=cpu", "trainer.max_epochs=2", "logger=none", "data.num_workers=0")
    begun = train(*words, "trainer.max_epochs=1")
    assert begun.code == 0, begun.err
    more = (f"resume={begun.path}", "trainer.max_epochs=2", "data.num_workers=1")
    done = run(KILLED, *more, cwd=tmp_path, timeout=200)
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert "killed" in done.stderr and "try data.num_workers=0" in done.stderr
    resumed = train(f"resume={begun.path}", "trainer.max_epochs=2")
    assert resumed.code == 0 and begun.json("results.json")["epochs"] == 2, resumed.err


# Processes that train together


class Words:
    """What ranks tell each other by, in one process."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}

    def set(self, key: str, value: str) -> None:
        self.said[key] = value.encode()

    def get(self, key: str) -> bytes:
        return self.said[key]

    def check(self, keys: list[str]) -> bool:
        return all(key in self.said for key in keys)


def test_the_first_rank_says_what_another_has_died_of(monkeypatch: pytest.MonkeyPatch) -> None:
    words, lost = Words(), RuntimeError("Connection closed by peer [127.0.0.1]")
    monkeypatch.setattr(ranks, "_store", lambda: words)
    monkeypatch.setattr(ranks, "_PATIENCE", 0.1)
    assert ranks.first_cause(lost) is lost, "it was killed, and said nothing"
    own = ConfigError("mine")
    assert ranks.first_cause(own) is own
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert ranks.first_cause(lost) is lost and not words.said
    cause = DataError("the picture is broken;", "pictures are whole;", "delete it.")
    assert ranks.first_cause(cause) is cause
    monkeypatch.setenv("LOCAL_RANK", "0")
    told = ranks.first_cause(lost)
    assert isinstance(told, NetyardError) and (str(told), told.exit_code) == (str(cause), 3)
    monkeypatch.setattr(ranks, "_store", lambda: None)
    assert ranks.first_cause(lost) is lost


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


@pytest.mark.slow
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


# What surrounds a process


def cut_off(command: list[str], environment: dict[str, str], folder: Path, after: str = "") -> tuple[int, str]:
    """The code of a command whose output nobody reads, or nobody after its first line; and what it complains of."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, cwd=folder, encoding="utf-8", **streams) as process:  # type: ignore[call-overload]
        assert process.stdout and process.stderr
        assert not after or process.stdout.readline().startswith(after)
        process.stdout.close()
        said = process.stderr.read()
    return process.returncode, said


BARE = """
import sys
from netyard import cli

sys.argv = ["train.py", *sys.argv[1:]]
sys.exit(cli.train())
"""


@pytest.mark.slow
def test_a_run_needs_no_home_terminal_language_or_listener(tmp_path: Path) -> None:
    """As in a container: C for a language, nowhere for temporary files, and whoever read the output is gone."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TMPDIR": str(tmp_path / "nowhere"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", BARE, *RUN, "trainer.max_epochs=2", f"hydra.run.dir={tmp_path / 'run'}"]
    code, said = cut_off(command, environment, tmp_path, after="mlp_tiny")
    assert code == 0, said
    assert "Traceback" not in said and "BrokenPipe" not in said
    assert json.loads((tmp_path / "run" / "results.json").read_text())["epochs"] == 2
    assert "test/accuracy" in (tmp_path / "run" / "train.log").read_text(encoding="utf-8")


LISTING = "import sys; from netyard import cli; sys.exit(cli.main(sys.argv[1:]))"


@pytest.mark.parametrize("words", [["list", "models"], ["train", "--cfg", "job"]], ids=" ".join)
def test_a_list_may_be_cut_off(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert cut_off([sys.executable, "-c", LISTING, *words], environment, tmp_path) == (0, "")
