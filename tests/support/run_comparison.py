"""Compares two runs bit by bit: checkpoints, rows, scores and points of curves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from netyard.training.tensorboard import RESULTS


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Return where two checkpoints differ in any bit; NaN equals NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [f"{where}.{key} is in one of them" for key in one.keys() ^ other.keys()]
        pairs = [(one[key], other[key], f"{where}.{key}") for key in one.keys() & other.keys()]
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        found = [] if len(one) == len(other) else [f"{where} has {len(one)} and {len(other)} of them"]
        pairs = [(*each, f"{where}.{at}") for at, each in enumerate(zip(one, other, strict=False))]
    else:
        tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
        alike = (
            (one.dtype == other.dtype and torch.equal(bits(one), bits(other))) if tensors else repr(one) == repr(other)
        )
        return [] if alike else [f"{where}: {one!r} and {other!r}"[:200]]
    return found + [each for pair in pairs for each in differences(*pair)]


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(-1).contiguous().view(torch.uint8)


def state(path: Path, name: str = "last") -> dict[str, Any]:
    """The last state of a run, or its best, but for how often it was saved and what it was resumed from."""
    found = checkpoint.read(path / "checkpoints" / f"{name}.ckpt")
    found["netyard"]["config"]["resume"] = None
    kept = found["callbacks"]["BestAndLast"]
    del kept["save"], kept["number"]
    loop = found["loops"]["fit_loop"]  # Lightning counts a batch that was fetched before the stop once more
    loop["epoch_loop.batch_progress"]["total"]["ready"] = None
    for key in [key for key in loop if ".val_loop." in key]:
        del loop[key]
    return found


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def scores(path: Path) -> dict[str, Any]:
    results = RunDir(path).results()
    return {key: results[key] for key in ("metrics", "objective", "epochs", "steps")}


def curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point of the dashboard, the files of one process and second in the order of their numbers."""
    for file in path.glob("events.out.tfevents.*"):
        stem, _, number = file.name.removesuffix(RESULTS).rpartition(".")
        ending = RESULTS if file.name.endswith(RESULTS) else ""
        file.rename(file.with_name(f"{stem}.{int(number):05d}{ending}"))
    events = EventAccumulator(str(path)).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.endswith("per_second")]
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in tags}


def all_of(path: Path) -> list[Any]:
    return [state(path), state(path, "best"), rows(path), scores(path), curves(path)]
