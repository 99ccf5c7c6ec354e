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
_SECONDS, _ROUNDS = 1.0, (5, 200)  # time budget and least and most rounds, for each batch size and way


def table(signature: Any, data: Any, files: Mapping[str, Run]) -> str:
    """Median milliseconds of a batch, a row for each way. The ways take turns, so that other load affects all alike."""
    ways: dict[str, Run] = {"network": torch.inference_mode()(signature), "compiled": _compiled(signature), **files}
    columns: dict[str, list[str]] = {name: [] for name in ways}
    for count in BATCH_SIZES:
        inputs = signature.examples(data, count)
        able = {}
        for name, run in ways.items():
            reason = _warm(run, inputs)
            if reason:
                columns[name].append(reason)
            else:
                able[name] = run
        for name, median in _medians(able, inputs).items():
            columns[name].append(f"{1e3 * median:.3f}")
    head = f"{'median ms':12}" + "".join(f"{f'batch {count}':>12}" for count in BATCH_SIZES)
    return "\n".join([head, *(f"{name:12}" + "".join(f"{cell:>12}" for cell in row) for name, row in columns.items())])


def _compiled(signature: Any) -> Run:
    compiled = torch.compile(signature)
    return torch.no_grad()(compiled)


def _warm(run: Run, inputs: tuple[Tensor, ...]) -> str:
    """Why it cannot be timed; empty where it can."""
    try:
        for _ in range(3):
            run(*inputs)
    except Exception as error:  # no compiler, or one that fails: torch wraps both in its own types
        return "no compiler" if "No working C++ compiler" in str(error) else type(error).__name__
    return ""


def _medians(ways: Mapping[str, Callable[..., Any]], inputs: tuple[Tensor, ...]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    least, most = _ROUNDS
    ends = time.perf_counter() + _SECONDS * len(ways)
    for number in range(most):
        if number >= least and time.perf_counter() > ends:
            break
        for name, run in ways.items():
            began = time.perf_counter()
            run(*inputs)
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in times.items()}
