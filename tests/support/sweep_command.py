"""Runs a sweep as a background command, and reads its ledger and its jobs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from netyard.sweeps.ledger import Ledger
from support.processes import Processes
from support.warm_processes import WarmProcess

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("model=mlp_tiny", "trainer.max_epochs=1", "logger=none")


def start(processes: Processes, *words: str) -> WarmProcess:
    """``python train.py -m`` in the background."""
    return processes.fork("train.py", "-m", *words, merged=True)


def states(folder: Path) -> list[str]:
    return [job.state for job in Ledger.read(folder).jobs]


def epochs(job: Path) -> list[int]:
    """Return the epochs in the metrics of a job."""
    rows = (job / "metrics.csv").read_text().splitlines()[1:]
    return [int(row.partition(",")[0]) for row in rows]


def validations(job: Path) -> list[tuple[str, ...]]:
    """Return the rows of a job's metrics without training metrics."""
    with (job / "metrics.csv").open(newline="") as file:
        return [tuple(row[name] for name in sorted(row) if "train/" not in name) for row in csv.DictReader(file)]


def optuna_study(folder: Path) -> Any:
    import optuna

    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{folder / 'study.db'}")
