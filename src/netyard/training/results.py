"""The results of a finished run: ``results.json``, the table on the console, and the environment of the run."""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from rich.console import Console
from rich.table import Table

from netyard import plugins
from netyard.callbacks.best_and_last import BestAndLast
from netyard.callbacks.metrics_logger import Curves
from netyard.config import allowlist
from netyard.io.readable import short_path
from netyard.io.version import __version__
from netyard.run_directories.directory import RunDir
from netyard.training.context import RunContext

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedRun:
    """What ``fit`` returns."""

    context: RunContext
    """Config, choices, directory, data module and task; the task has the weights of its best epoch."""
    results: Mapping[str, Any]
    """As in ``results.json``."""

    @property
    def objective(self) -> float | None:
        """The best validation of the run."""
        return self.results["objective"]["value"]


def collect(
    context: RunContext, trainer: L.Trainer, best: BestAndLast, seconds: Mapping[str, float], device: str
) -> dict[str, Any]:
    """The content of ``results.json``; the metrics are those of the best validation, and of the test just made."""
    curves = next((each for each in trainer.callbacks if isinstance(each, Curves)), None)
    return {
        **{group: context.choices[group] for group in ("model", "data", "task", "optimizer")},
        "seed": context.config["seed"],
        "parameters": context.parameters,
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "objective": {"name": best.monitor, "mode": best.mode, "value": best.best_value, "epoch": best.best_epoch},
        # The trainer's metrics are the test's now: each stage clears those of the stage before.
        "metrics": {**best.best_metrics, **metrics_of(trainer)},
        "throughput": {"train_samples_per_second": round(curves.samples_per_second, 1) if curves else None},
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "best_checkpoint": str(context.run_dir.best.relative_to(context.run_dir.path)),
        "environment": environment(device),
    }


def collect_pruned(context: RunContext, trainer: L.Trainer, best: BestAndLast) -> dict[str, Any]:
    """The part of ``collect`` that a pruned run has: there was no test, and no file is written."""
    return {
        "parameters": context.parameters,
        "steps": trainer.global_step,
        "objective": {"value": best.best_value},
        "metrics": best.best_metrics,
    }


def metrics_of(trainer: L.Trainer) -> dict[str, float]:
    """What the last validation or test logged, as numbers."""
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def environment(device: str) -> dict[str, str]:
    """What the results depend on besides the config."""
    return {
        "netyard": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "lightning": L.__version__,
        "device": device,
        "git": _git_revision(),
        **({"packages": plugins.versions()} if plugins.installed() else {}),
    }


def log_start(context: RunContext, device: str) -> None:
    """The first lines of the log: what is trained on what, where, and how it is run."""
    choices = context.choices
    count = f"{context.parameters:,}"
    log.info("%s, %s parameters, on %s with %s", choices["model"], count, choices["data"], choices["optimizer"])
    log.info("%s, %s, in %s", device, context.performance, short_path(context.run_dir.path))


def log_finish(context: RunContext, results: Mapping[str, Any]) -> None:
    """The table of metrics, and the commands a user may want next."""
    path = context.run_dir.path
    log_table(f"{context.choices['model']} on {context.choices['data']}", results)
    log.info("results     %s", short_path(path / "results.json"))
    log.info("dashboard   %s --logdir %s", _command("tensorboard"), short_path(path))
    log.info("test again  %s evaluate %s", _command("netyard"), _arguments(f"run={short_path(path)}"))


def log_stopped(run_dir: RunDir) -> None:
    """The command that resumes a run stopped by a signal."""
    log.info(
        "stopped; continue with: %s train.py %s", _command("python"), _arguments(f"resume={short_path(run_dir.path)}")
    )


def log_table(title: str, results: Mapping[str, Any]) -> None:
    """One row a metric, and the best epoch where there is one."""
    table = Table("metric", title=title, title_justify="left")
    table.add_column("value", justify="right")
    for name, value in sorted(results["metrics"].items()):
        table.add_row(name, f"{value:.4f}")
    if "objective" in results:
        table.add_row("best epoch", str(results["objective"]["epoch"]))
    console = Console(width=60)
    with console.capture() as text:
        console.print(table)
    log.info("\n".join(line.rstrip() for line in text.get().splitlines()))


def _arguments(first: str) -> str:
    """Arguments of a suggested command. ``--allow`` flags of this process are repeated: that one needs them too."""
    return " ".join([first, *allowlist.flags()])


def _command(program: str) -> str:
    """How to call a program of this environment: by name, or by path if the environment is not activated."""
    installed = Path(sys.executable).parent / program
    return program if shutil.which(program) == str(installed) or not installed.exists() else short_path(installed)


def _git_revision() -> str:
    """The commit of the code, with ``-dirty`` if it was changed; ``unknown`` for an installed package."""
    try:
        # --exclude=* leaves tags out, so that the answer is always a commit; 10 s, for a file system may hang.
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.strip()
