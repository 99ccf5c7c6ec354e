"""Writes run and sweep directories with given results, as a run leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001, "betas": [0.9, 0.999]}
SGD = {"_target_": "torch.optim.SGD", "lr": 0.01, "momentum": 0.0}


def made_run(
    path: Path,
    value: float | None = 0.9,
    typed: Sequence[str] = (),
    optimizer: str = "adam",
    seed: int = 0,
    fold: int | None = None,
    config: Mapping[str, Any] | None = None,
    objective: tuple[str, str] = ("val/accuracy", "max"),
    metrics: Mapping[str, float] | None = None,
    state: str = "completed",
    error: str | None = None,
    ended: str = "2026-11-24T12:00:00+00:00",
    curve: Sequence[float] = (),
    chosen: Mapping[str, Any] | None = None,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """A run's directory. ``optimizer.lr=0.1`` among ``typed`` is in the config too; no value, no results.json."""
    node: dict[str, Any] = {
        "seed": seed,
        "threads": "auto",
        "model": {"_target_": "netyard.models.mlp.MLP", "num_outputs": "${data.num_classes}", "dropout": 0.0},
        "data": {"num_classes": 10, "batch_size": 64, "fold": fold, "seed": "${seed}"},
        "optimizer": dict(ADAM if optimizer == "adam" else SGD),
        **(config or {}),
    }
    for text in typed:
        key, _, written = text.partition("=")
        names = key.split(".")
        if len(names) == 2:
            node[names[0]][names[1]] = yaml.safe_load(written)
    choices = {
        "model": "mlp",
        "data": "digits",
        "task": "classification",
        "optimizer": optimizer,
        "scheduler": "constant",
        **(chosen or {}),
    }
    hydra = path / ".hydra"
    hydra.mkdir(parents=True)
    (hydra / "config.yaml").write_text(yaml.safe_dump(node), encoding="utf-8")
    (hydra / "overrides.yaml").write_text(yaml.safe_dump([*typed, f"seed={seed}"]), encoding="utf-8")
    (hydra / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}), encoding="utf-8")
    status = {"state": state, "started": ended, "ended": ended, "pid": 1, "host": "elsewhere", "error": error}
    (path / "status.json").write_text(json.dumps(status), encoding="utf-8")
    if value is not None:
        results = {
            **{key: choices[key] for key in ("model", "data", "task", "optimizer")},
            "seed": seed,
            "objective": {"name": objective[0], "mode": objective[1], "value": value, "epoch": 2},
            "metrics": {objective[0]: value, **(metrics or {})},
            "best_checkpoint": "checkpoints/best.ckpt",
            **({"baselines": baselines} if baselines else {}),
        }
        (path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    if curve:
        lines = [f"epoch,{objective[0]}", *(f"{epoch},{point}" for epoch, point in enumerate(curve))]
        (path / "metrics.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def made_seeds(folder: Path) -> Path:
    """Write runs with two learning rates and three seeds, and one failed run."""
    for number in range(6):
        lr, seed = (0.1, 0.01)[number // 3], number % 3
        tested = {"test/accuracy": number / 10, "test/auroc": number / 10, "val/loss": 0.5}
        typed = [f"optimizer.lr={lr}"]
        made_run(folder / str(number), 0.9 - number / 100, typed, seed=seed, metrics=tested, curve=[0.5, 0.6])
    made_run(folder / "6", None, state="failed", error="the disk is full;")
    return folder


def made_ledger(
    path: Path,
    axes: Sequence[str],
    jobs: Sequence[Mapping[str, Any]],
    objectives: Sequence[tuple[str, str]] = (("val/accuracy", "max"),),
) -> Path:
    """``sweep.json`` of a sweep's directory; a job is given by what is not usual of it."""
    usual = {"overrides": [], "state": "completed", "values": None, "epoch": 2, "reason": None, "attempts": 1}
    ledger = {
        "format": 1,
        "state": "completed",
        "pid": 1,
        "host": "elsewhere",
        "axes": list(axes),
        "objectives": [{"name": name, "mode": mode} for name, mode in objectives],
        "jobs": [{**usual, "number": number, **job} for number, job in enumerate(jobs)],
    }
    path.mkdir(parents=True, exist_ok=True)
    (path / "sweep.json").write_text(json.dumps(ledger), encoding="utf-8")
    return path
