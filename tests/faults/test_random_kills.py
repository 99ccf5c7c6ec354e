"""Whole runs that are killed at random instants and started again end as the run that was left alone, to the bit.

`KILLS=1000 pytest tests/faults/test_random_kills.py` kills as many as it is told.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest
from campaign import enter
from comparing import all_of, differences

from netyard import manifests
from netyard.rundir import RunDir
from netyard.sweeps.pool import Ending, Pool

KILLS = int(os.environ.get("KILLS", "100"))
RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=40", "model.dropout=0.2", "scheduler=cosine", "logger=none")
SHORT, LONG = 4, 250  # epochs


class Runs:
    """Runs that a warm server forks, each a process of its own that does what ``python train.py`` does."""

    def __init__(self) -> None:
        self._pool = Pool(devices="cpu", jobs_per_device=2)  # of one thread each, and one after another
        self._number = 0

    def run(self, folder: Path, epochs: int, seconds: float | None = None, how: str | None = None) -> Ending:
        """Begin a run, or go on with it, and kill it after so many seconds, if it has not ended by then."""
        folder.mkdir(exist_ok=True)
        self._number += 1
        words = [*RUN, f"trainer.max_epochs={epochs}", *["resume=auto"] * (how == "auto")]
        self._pool.start(self._number, words, folder, resumed=how == "directory")
        if not (endings := self._pool.wait(seconds)):
            self._pool._end(self._number, signal.SIGKILL)
            endings = self._pool.wait()
        return endings[0]

    def again(self, folder: Path, epochs: int, seconds: float | None = None) -> Ending:
        """Start a killed run again in one of two ways, of which the one wants a record of what was typed."""
        recorded = (folder / ".hydra" / "overrides.yaml").is_file()
        return self.run(folder, epochs, seconds, random.choice(["auto", "directory"] if recorded else ["auto"]))

    def close(self) -> None:
        self._pool.close()


def faults(ending: Ending, folder: Path, alone: Path) -> list[str]:
    """What is not as it would be had the run been left alone."""
    run_dir = RunDir(folder)
    if ending.code != 0 or run_dir.status().get("state") != "completed":
        return [f"it ended with code {ending.code}", (folder / "console.log").read_text()[-5000:]]
    names = {f"{each.name}.{kind}" for each in manifests.known(run_dir.checkpoints) for kind in ("ckpt", "json")}
    odd = {path.name for path in run_dir.checkpoints.iterdir()} ^ {"best.ckpt", "last.ckpt", *names}
    odd |= {path.name for path in folder.rglob(".*.tmp")}
    return [*(f"{name} is left over, or missing" for name in odd), *differences(all_of(alone), all_of(folder))]


def at_a_random_instant(runs: Runs, place: Path) -> tuple[int, int]:
    """Many runs, each killed once, at any instant of the time that one takes; how many were, and ended alike."""
    for name in ("cold", "alone"):
        began = runs.run(place / name, SHORT)
        assert began.code == 0, (place / name / "console.log").read_text()
    assert not faults(began, place / "cold", place / "alone")
    killed, withstood, number = 0, 0, 0
    while killed < KILLS:
        folder, number = place / str(number), number + 1
        seconds = random.uniform(0, began.seconds)
        if runs.run(folder, SHORT, seconds).code == -signal.SIGKILL:
            wrong = faults(runs.again(folder, SHORT), folder, place / "alone")
            killed, withstood = killed + 1, withstood + (not wrong)
            print(*[f"killed {seconds:.3f} s after its start:", *wrong[:5]] * bool(wrong), sep="\n", end="")
        shutil.rmtree(folder)
    return killed, withstood


def again_and_again(runs: Runs, place: Path, times: int) -> bool:
    """One run, killed so often; whether it ended as the one that was left alone."""
    start = runs.run(place / "short", SHORT).seconds
    assert runs.run(place / "left alone", LONG).code == 0
    for _ in range(times):
        ending = runs.again(place / "killed", LONG, random.uniform(0, 1.5 * start))
        if ending.code != -signal.SIGKILL:
            break
    wrong = faults(runs.again(place / "killed", LONG), place / "killed", place / "left alone")
    print(*wrong[:5], sep="\n")
    return not wrong and ending.code == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_it_would_have(tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    random.seed(seed)
    with closing(Runs()) as runs:
        enter("killed at a random instant, and started again", *at_a_random_instant(runs, tmp_path))
        enter("killed 25 times in a row, and started again each time", 1, again_and_again(runs, tmp_path, 25))
