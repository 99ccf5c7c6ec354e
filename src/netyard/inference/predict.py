"""``netyard predict``: what a trained network says of files of the user's own, a row of a table to each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from netyard.config.instantiate import build
from netyard.errors import ConfigError, DataError
from netyard.io import table_writer
from netyard.runs.directory import RunDir
from netyard.tasks.interfaces import Predicts
from netyard.training import checkpoint
from netyard.training.performance import set_threads

log = logging.getLogger(__name__)

PredictionColumns = Callable[[Tensor, Sequence[str]], Mapping[str, Sequence[Any]]]
"""Of a batch of inputs and the names of the classes: columns, each as long as the batch."""


def predict(run_dir: RunDir, where: str | None, output: Path) -> str:
    """Write what the best network of a run says of each input, batch by batch; returns how many there were.

    The first column names the input: its file, or the number of its row, from 0. Then comes what the task says; see
    the ``answers`` of each. Files that cannot be read are named in the log and have no row. A terminal shows a bar.

    Args:
        where: pictures, a CSV file, or texts, as the run's data read them. None: the test part of the run's own data,
            with what is true of each sample as the second column.
        output: a file of ``rows``, replaced when everything has been written.

    Raises:
        ConfigError: the task predicts nothing.
        DataError: nothing can be read.
    """
    recorded, config, choices = checkpoint.best_of(run_dir)
    task = checkpoint.rebuild(recorded, run_dir.best)
    columns_of = _prediction_columns(task, run_dir, choices["task"])
    data = build(config["data"])
    checkpoint.restore_data(data, recorded)
    set_threads(config["threads"], task, config["data"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    task.to(device)
    if where is None:
        data.prepare_data()
    inputs, labels = data.test_inputs() if where is None else data.inputs(where), data.labels()

    written, refused = 0, 0
    with table_writer.written(output) as add, _bar() as bar, torch.inference_mode():
        progress = bar.add_task("", total=inputs.total)
        for batch in inputs.batches:
            for error in batch.refused:
                log.warning("left out: %s", error)
            refused += len(batch.refused)
            bar.advance(progress, len(batch.names) + len(batch.refused))
            if not batch.names:
                continue
            x, _ = data.prepare(batch.x.to(device), torch.zeros(len(batch.x)))
            add({inputs.kind: batch.names, **_truth(batch.y, labels), **columns_of(x, labels)})
            written += len(batch.names)
        if not written:
            raise DataError(
                f"none of the {refused} file(s) of {where or 'the test part'} can be read;",
                "the lines above say why of each;",
                "repair them, or try another input.",
            )
    left_out = f", {refused} left out" if refused else ""
    return f"{written:,} row(s) in {output}{left_out}"


def _bar() -> Progress:
    """On a terminal alone, and gone at the end; what is left out is said above it."""
    console = Console(stderr=True, soft_wrap=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _prediction_columns(task: Any, run_dir: RunDir, choice: str) -> PredictionColumns:
    if isinstance(task, Predicts):
        return task.prediction_columns
    raise ConfigError(
        f"{run_dir.path} is a run of task={choice}, which says nothing of an input;",
        "classification, regression, forecasting, reconstruction and variational tasks do;",
        f"try netyard generate run={run_dir.path}.",
    )


def _truth(y: Tensor | None, labels: Sequence[str]) -> dict[str, list[Any]]:
    """What is true of the samples, (N,) classes or (N, num_targets) numbers, by column."""
    if y is None:
        return {}
    if not y.is_floating_point():
        return {"label": [labels[number] if labels else number for number in y.tolist()]}
    numbers = [""] if y.shape[1] == 1 else [f"_{number}" for number in range(1, y.shape[1] + 1)]
    return {f"target{number}": each.tolist() for number, each in zip(numbers, y.T, strict=True)}
