"""A sweep whose jobs are only simulated, as a program: ``python simulated_sweep.py SWEEP_DIR NUM_JOBS``.

Its driver, ledger, locks and grid are the real ones; a job is a process that sleeps a moment and writes results, and
goes on when its driver is killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from netyard.sweeps.driver import Driver
from netyard.sweeps.ledger import Ledger, Locks
from netyard.sweeps.outcome import settle_running
from netyard.sweeps.runners.local import Ending
from support.processes import Processes
from support.waiting import wait_until

PATH = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
JOB = """
import sys, time
from pathlib import Path
from netyard.run_directories.directory import RunDir

run_dir = RunDir(Path(sys.argv[1]))
run_dir.set_state("running")
value = float(run_dir.path.name)
allowed = run_dir.path.parent / "allowed.txt"  # the jobs below this number may finish
while allowed.exists() and value >= int(allowed.read_text() or 0):
    time.sleep(0.01)
time.sleep(float(sys.argv[2]))
objective = {"name": "val/accuracy", "mode": "max", "value": value, "epoch": 0}
run_dir.write_results({"objective": objective, "metrics": {}})
with (run_dir.path.parent / "finished.txt").open("a") as file:
    file.write(run_dir.path.name + "\\n")
run_dir.set_state("completed")
"""


class Place:
    """A launcher of two jobs at a time, each a process that inherits the lock."""

    def __init__(self, shared: int) -> None:
        self.shared = shared
        self._at_work: dict[int, subprocess.Popen] = {}

    @property
    def free(self) -> int:
        return 2 - len(self._at_work)

    @property
    def running(self) -> list[int]:
        return list(self._at_work)

    def start(self, number: int, overrides: Sequence[str], folder: Path, resumed: bool) -> None:
        words = [sys.executable, "-c", JOB, str(folder), str(0.01 * (number % 5))]
        self._at_work[number] = subprocess.Popen(words, pass_fds=[self.shared])

    def wait(self) -> list[Ending]:
        while True:
            for number, process in self._at_work.items():
                if process.poll() is not None:
                    del self._at_work[number]
                    return [Ending(number, process.returncode, 0.1)]
            time.sleep(0.002)

    def stop(self, signal_number: int) -> list[Ending]:
        return [ending for _ in range(len(self._at_work)) for ending in self.wait()]

    def close(self) -> None: ...


class Numbers:
    """A search of so many jobs."""

    def __init__(self, count: int) -> None:
        self.count = count

    def ask(self, number: int) -> list[str] | None:
        return [f"seed={number}"] if number < self.count else None

    def tell(self, job: object) -> None: ...

    def restore(self, jobs: object) -> None: ...

    def study(self, number: int) -> None: ...


def main(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    locks = Locks(folder)
    if (folder / "sweep.json").exists():
        ledger = Ledger.read(folder)
        settle_running(ledger)
    else:
        objectives = [{"name": "val/accuracy", "mode": "max"}]
        ledger = Ledger(folder, [], "grid", {"seed": "numbers"}, ["seed"], objectives)
    with contextlib.closing(Place(locks.shared)) as place:
        Driver(ledger, Numbers(count)).run(place)
    locks.release()


def killed_again_and_again(processes: Processes, folder: Path, jobs: int, kills: int, rng: random.Random) -> int:
    """Kill its driver so often, each time at another instant of its work, and have the last one finish; the kills.

    An instant is an event that the driver writes down: a job that is begun, one that has finished, or any change of
    the ledger, after some more jobs have finished than when it began. No driver gets through before it is killed,
    however slow the test is: its jobs wait for a leave to finish.
    """
    words = (__file__, str(folder), str(jobs))
    folder.mkdir()

    def finished() -> int:
        file = folder / "finished.txt"
        return len(file.read_text().split()) if file.exists() else 0

    def begun() -> int:
        return len(list(folder.glob("*/")))

    def ledger() -> tuple[int, int] | None:
        with contextlib.suppress(FileNotFoundError):
            found = (folder / "sweep.json").stat()
            return found.st_ino, found.st_mtime_ns
        return None

    for _ in range(kills):
        enough = finished() + rng.randrange(1, max(3, jobs // kills - 4))
        allowed = enough + 2
        assert allowed < jobs, "more jobs are needed for so many kills"
        (folder / "allowed.txt").write_text(str(allowed))
        driver = processes.start(*words, PYTHONPATH=PATH)
        wait_until(lambda enough=enough: finished() >= enough, f"{enough} finished jobs", process=driver)
        if event := rng.choice([None, ledger, begun, finished]):
            before = event()
            wait_until(
                lambda event=event, before=before, allowed=allowed: event() != before or finished() >= allowed,
                f"an event of the driver, {event.__name__}",
            )
        assert driver.poll() is None, driver.communicate()
        driver.kill()
        driver.wait()
    (folder / "allowed.txt").write_text(str(jobs))
    assert processes.run(*words, PYTHONPATH=PATH).returncode == 0
    assert sorted(map(int, (folder / "finished.txt").read_text().split())) == list(range(jobs)), "each once"
    assert [job.values for job in Ledger.read(folder).jobs] == [[float(number)] for number in range(jobs)]
    return kills


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
