"""What it costs that a save is whole, synced, hashed and listed: a checkpoint of 100 MB, by netyard and by torch.save.

    python bench/saving.py [--rounds 30] [--megabytes 100]

Each round writes the same state in every way, one after another, so that whatever else the machine does hits all of
them. Printed are the median and the least of each, in milliseconds, and the median of the rounds' ratios. What hashing
costs is the last row over the one before it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from netyard.callbacks.best_and_last import BestAndLast
from netyard.io.atomic import open_atomically
from netyard.training.checkpoint import WholeFileIO


def state_of(megabytes: int) -> dict[str, Any]:
    """Weights and Adam's two moments, of layers of 1 MB: what a checkpoint mostly is."""
    names = [f"layers.{number}.weight" for number in range(max(megabytes // 3, 1))]
    parts = [{name: torch.rand(512, 512) for name in names} for _ in range(3)]
    return {"global_step": 1, "state_dict": parts[0], "optimizer_states": parts[1:]}


def plain(state: dict[str, Any], folder: Path) -> None:
    torch.save(state, folder / "plain.ckpt")


def synced(state: dict[str, Any], folder: Path) -> None:
    """What a save needs that a power cut must not lose."""
    with open_atomically(folder / "synced.ckpt", "wb") as file:
        torch.save(state, file)


class Ours:
    """The callback of a run with the file format of a run: hashed, listed in a manifest, older ones deleted."""

    def __init__(self) -> None:
        self._callback, self._io = BestAndLast("val/loss", "min"), WholeFileIO()

    def __call__(self, state: dict[str, Any], folder: Path) -> None:
        (folder / "checkpoints").mkdir(exist_ok=True)
        attached: Any = SimpleNamespace(run_dir=SimpleNamespace(checkpoints=folder / "checkpoints"))
        self._callback.attach(attached)
        trainer: Any = SimpleNamespace(
            global_step=1,
            current_epoch=0,
            is_global_zero=True,
            loggers=[],
            save_checkpoint=lambda path, weights_only: self._io.save_checkpoint(state, path),
            strategy=SimpleNamespace(checkpoint_io=self._io, broadcast=lambda saved: saved),
        )
        self._callback.save(trainer, best=True)


def milliseconds(save: Callable[[dict[str, Any], Path], None], state: dict[str, Any], folder: Path) -> float:
    os.sync()  # nobody pays for the one before
    began = time.perf_counter()
    save(state, folder)
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--megabytes", type=int, default=100)
    given = parser.parse_args()
    ways = {"torch.save": plain, "torch.save, synced and renamed": synced, "netyard": Ours()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    state = state_of(given.megabytes)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for _ in range(given.rounds):
            for name, save in ways.items():
                times[name].append(milliseconds(save, state, Path(folder)))
    print(
        f"| a checkpoint of {given.megabytes} MB | median ms | minimum ms "
        "| relative to torch.save | relative to synced torch.save |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, own in times.items():
        over = [
            statistics.median(one / other for one, other in zip(own, times[base], strict=True)) for base in (*ways,)[:2]
        ]
        ratios = " | ".join(f"{each:.2f}" for each in over)
        print(f"| {name} | {statistics.median(own):.0f} | {min(own):.0f} | {ratios} |")


if __name__ == "__main__":
    main()
