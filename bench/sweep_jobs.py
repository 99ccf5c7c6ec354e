"""Seconds a job of a sweep takes beyond its own work: netyard's launcher, Hydra's basic and joblib's, and no launcher.

    python bench/sweep_jobs.py [--jobs 30] [--rounds 1] [--alone 2]

A job trains `mlp_tiny` on digits for two thirds of a second. Each way runs the same jobs as one command, in turn,
`--rounds` times; printed is the median of the wall time for each job, start of the command included. `one by one` is
`python train.py` again and again, of which `--alone` are run. joblib's launcher is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JOB = ["model=mlp_tiny", "trainer.max_epochs=25", "threads=1"]
ONE_BY_ONE = "python train.py, one by one"


def ways() -> dict[str, list[str]]:
    """What is compared, by its name in the table: the words behind `python train.py -m`."""
    cores = len(os.sched_getaffinity(0))
    found = {
        "netyard, in series": ["launcher.jobs_per_device=1"],
        "Hydra's basic launcher and sweeper": ["hydra/launcher=basic", "hydra/sweeper=basic"],
        f"netyard, {cores} at once": [f"launcher.jobs_per_device={cores}"],
    }
    if importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher"):
        found[f"joblib launcher, {cores} at once"] = [
            "hydra/launcher=joblib",
            "hydra/sweeper=basic",
            f"hydra.launcher.n_jobs={cores}",
        ]
    return found


def seconds_a_job(words: list[str], jobs: int, alone: int) -> float:
    """Wall time of a whole command over its jobs; without words of so many single runs."""
    folder = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    if words:
        seeds = ",".join(map(str, range(jobs)))
        _run(["-m", *JOB, *words, f"seed={seeds}", f"hydra.sweep.dir={folder / 'sweep'}"])
        done = len(list(folder.glob("sweep/*/results.json")))
    else:
        jobs = alone
        for seed in range(jobs):
            _run([*JOB, f"seed={seed}", f"hydra.run.dir={folder / str(seed)}"])
        done = len(list(folder.glob("*/results.json")))
    took = time.perf_counter() - began
    shutil.rmtree(folder)
    assert done == jobs, f"{done} of {jobs} jobs have results"
    return took / jobs


def _run(words: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "train.py", *words], cwd=ROOT, env=environment, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--alone", type=int, default=2)
    asked = parser.parse_args()
    measured: dict[str, list[float]] = {name: [] for name in [*ways(), ONE_BY_ONE]}
    for _ in range(asked.rounds):
        for name, words in [*ways().items(), (ONE_BY_ONE, [])]:
            measured[name].append(seconds_a_job(words, asked.jobs, asked.alone))
    medians = {name: statistics.median(times) for name, times in measured.items()}
    series = medians["netyard, in series"]
    print(f"| {asked.jobs} jobs | seconds per job | relative to in series |\n| --- | --- | --- |")
    for name, median in medians.items():
        print(f"| {name} | {median:.2f} | {median / series:.2f} |")


if __name__ == "__main__":
    main()
