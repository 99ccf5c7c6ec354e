"""Jobs are processes of their own: how they end is their own affair, and none outlives its driver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netyard.sweeps.pool import Ending, Pool
from support.failing_jobs import ALLOW, HAPPENING, happening
from support.sweep_command import QUICK


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("user")
    (folder / "happening.py").write_text(HAPPENING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        yield folder


@pytest.fixture(scope="module")
def pool(user: Path) -> Iterator[Pool]:
    made = Pool(devices="cpu", jobs_per_device=2, flags=[ALLOW])
    yield made
    made.close()


def run(pool: Pool, *folders: Path, overrides: tuple[str, ...] = (), resumed: bool = False) -> list[Ending]:
    for number, folder in enumerate(folders):
        folder.mkdir(exist_ok=True)
        pool.start(number, [*QUICK, *overrides], folder, resumed)
    endings: list[Ending] = []
    while pool.running:
        endings += pool.wait()
    return endings


def children(pool: Pool) -> list[int]:
    """The processes of the server; between jobs the one that waits for the next."""
    server = pool._server.pid
    return [int(word) for word in Path(f"/proc/{server}/task/{server}/children").read_text().split()]


def test_a_job_is_an_ordinary_run_with_a_console_of_its_own(pool: Pool, tmp_path: Path) -> None:
    (ending,) = run(pool, tmp_path / "0")
    assert ending.code == 0
    assert json.loads((tmp_path / "0" / "status.json").read_text())["state"] == "completed"
    assert "test/accuracy" in (tmp_path / "0" / "console.log").read_text()
    overrides = (tmp_path / "0" / ".hydra" / "overrides.yaml").read_text()
    assert overrides.split("- ")[1:] == [f"{text}\n" for text in QUICK]


def test_jobs_of_one_server_are_as_far_apart_as_two_commands(pool: Pool, tmp_path: Path, command) -> None:
    run(pool, tmp_path / "0", overrides=("seed=1",))
    run(pool, tmp_path / "0b", tmp_path / "1b", overrides=("seed=1",))
    command("train.py", *QUICK, "seed=1", f"hydra.run.dir={tmp_path / 'alone'}")
    rows = {(tmp_path / name / "metrics.csv").read_text() for name in ("0", "0b", "1b", "alone")}
    assert len(rows) == 1, "neither what ran before, nor what runs beside, nor the server shows in the numbers"
    pids = {json.loads((tmp_path / name / "status.json").read_text())["pid"] for name in ("0", "0b", "1b", "alone")}
    assert len(pids) == 4


@pytest.mark.parametrize(
    ("what", "code", "story"),
    [
        ("exception", 1, "ended with exit code 1 and no results"),
        ("exit", 0, "ended with exit code 0 and no results"),
        ("killed", -9, "killed by SIGKILL"),
        ("segfault", -11, "killed by SIGSEGV"),
    ],
)
def test_however_a_job_dies_the_next_one_runs(pool: Pool, tmp_path: Path, what: str, code: int, story: str) -> None:
    (ending,) = run(pool, tmp_path / "0", overrides=(happening(what),))
    assert (ending.code, ending.story) == (code, story)
    assert run(pool, tmp_path / "1")[0].code == 0


def test_a_process_that_dies_while_it_waits_costs_no_job(pool: Pool, tmp_path: Path) -> None:
    (waiting,) = children(pool)
    os.kill(waiting, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while children(pool) in ([], [waiting]) and time.monotonic() < deadline:
        time.sleep(0.01)
    (another,) = children(pool)
    assert another != waiting
    (ending,) = run(pool, tmp_path / "0")
    assert ending.code == 0
    assert json.loads((tmp_path / "0" / "status.json").read_text())["pid"] == another


def test_a_job_that_hangs_is_ended(pool: Pool, tmp_path: Path, monkeypatch) -> None:
    from netyard.sweeps import pool as pools

    monkeypatch.setattr(pool, "timeout", 5.0)
    monkeypatch.setattr(pools, "GRACE", 1.0)
    (ending,) = run(pool, tmp_path / "0", overrides=(happening("hang"),))
    assert ending.timed_out
    assert ending.code == -9, "between two steps it would have heard the milder request"
    assert "ran past launcher.timeout" in ending.story


def test_stopped_jobs_save_themselves_and_go_on_later(pool: Pool, tmp_path: Path) -> None:
    folder = tmp_path / "0"
    folder.mkdir()
    pool.start(0, [*QUICK, "trainer.max_epochs=2000"], folder, resumed=False)
    while not (folder / "checkpoints" / "last.ckpt").exists():
        assert not pool.wait(0.1)
    (ending,) = pool.stop(signal.SIGTERM)
    assert ending.code == 143
    assert json.loads((folder / "status.json").read_text())["state"] == "interrupted"
    done = len((folder / "metrics.csv").read_text().splitlines()) - 1
    (folder / ".hydra" / "overrides.yaml").write_text(
        f"- model=mlp_tiny\n- trainer.max_epochs={done + 2}\n- logger=none\n"
    )
    (ending,) = run(pool, folder, resumed=True)
    assert ending.code == 0
    assert json.loads((folder / "results.json").read_text())["epochs"] == done + 2


def test_a_job_over_two_processes_leaves_one_directory(pool: Pool, tmp_path: Path) -> None:
    endings = run(pool, tmp_path / "0", tmp_path / "1", overrides=("trainer=ddp_cpu",))
    assert [ending.code for ending in endings] == [0, 0], (tmp_path / "0" / "console.log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    for name in ("0", "1"):
        assert "2 x cpu" in (tmp_path / name / "train.log").read_text()


DRIVER = """
import sys
from pathlib import Path
from netyard.sweeps.pool import Pool

pool = Pool(devices="cpu", jobs_per_device=1)
pool.start(0, sys.argv[2:], Path(sys.argv[1]), resumed=False)
print(pool._server.pid, flush=True)
pool.wait()
"""


def test_no_job_outlives_a_killed_driver_or_a_killed_server(user: Path, tmp_path: Path) -> None:
    for victim in ("driver", "server"):
        folder = tmp_path / victim
        folder.mkdir()
        words = [sys.executable, "-c", DRIVER, str(folder), *QUICK, "trainer.max_epochs=2000"]
        driver = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert driver.stdout is not None
        server = int(driver.stdout.readline())
        while not (folder / "checkpoints" / "last.ckpt").exists():
            time.sleep(0.05)
        job = json.loads((folder / "status.json").read_text())["pid"]
        os.kill(driver.pid if victim == "driver" else server, signal.SIGKILL)
        deadline = time.monotonic() + 15
        while (alive := Path(f"/proc/{job}").exists()) and time.monotonic() < deadline:
            time.sleep(0.05)
        driver.kill()
        driver.communicate()
        assert not alive, victim
