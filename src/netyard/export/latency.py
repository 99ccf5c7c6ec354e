"""Latency of the network and of its exported files."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from netyard.export.graph import Run

BATCH_SIZES = (1, 32)
_SECONDS = 1.0  # time limit for each batch size and variant
_MIN_ROUNDS, _MAX_ROUNDS = 5, 200


def table(signature: Any, data: Any, files: Mapping[str, Run]) -> str:
    """A table of median milliseconds for a batch: a row for the network, compiled network and each exported file."""
    variants: dict[str, Run] = {"network": torch.inference_mode()(signature), "compiled": _compile(signature), **files}
    cells: dict[str, list[str]] = {name: [] for name in variants}
    for count in BATCH_SIZES:
        inputs = signature.examples(data, count)
        working = {}
        for name, run in variants.items():
            reason = _warm_up(run, inputs)
            if reason:
                cells[name].append(reason)
            else:
                working[name] = run
        for name, median in _medians(working, inputs).items():
            cells[name].append(f"{1e3 * median:.3f}")
    head = f"{'median ms':12}" + "".join(f"{f'batch {count}':>12}" for count in BATCH_SIZES)
    return "\n".join([head, *(f"{name:12}" + "".join(f"{cell:>12}" for cell in row) for name, row in cells.items())])


def _compile(signature: Any) -> Run:
    compiled = torch.compile(signature)
    return torch.no_grad()(compiled)


def _warm_up(run: Run, inputs: tuple[Tensor, ...]) -> str:
    """Run three times, in which torch.compile compiles and caches are filled; returns the error as text, or ""."""
    try:
        for _ in range(3):
            run(*inputs)
    except Exception as error:  # no compiler, or one that fails: torch wraps both in its own types
        return "no compiler" if "No working C++ compiler" in str(error) else type(error).__name__
    return ""


def _medians(variants: Mapping[str, Callable[..., Any]], inputs: tuple[Tensor, ...]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in variants}
    ends = time.perf_counter() + _SECONDS * len(variants)
    for number in range(_MAX_ROUNDS):
        if number >= _MIN_ROUNDS and time.perf_counter() > ends:
            break
        # One run of each in turn, so that other load of the machine affects all variants alike.
        for name, run in variants.items():
            began = time.perf_counter()
            run(*inputs)
            times[name].append(time.perf_counter() - began)
    # Not the mean: a single run that is interrupted may take a hundred times as long.
    return {name: statistics.median(each) for name, each in times.items()}
