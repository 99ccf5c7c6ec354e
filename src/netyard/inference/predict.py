"""``netyard predict``: predictions for the user's files as a table, one row for each sample."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from netyard.errors import ConfigError, DataError
from netyard.inference.codes import code_columns
from netyard.inference.given import inputs_of
from netyard.io import table_writer
from netyard.metrics.output_names import label_lists, target_suffixes
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import EncodesCodes, PairData, Predicts, PredictsText, has_split
from netyard.training import baseline_run, checkpoint
from netyard.training.performance import set_threads

log = logging.getLogger(__name__)

PredictionColumns = Callable[[Tensor, Sequence[str]], Mapping[str, Sequence[Any]]]
"""(inputs, class names) -> columns by name, each as long as the batch."""


def predict(
    run_dir: RunDir,
    where: str | None,
    output: Path,
    which: str = "best",
    column: str | None = None,
    codes: bool = False,
    baseline: str | None = None,
) -> str:
    """Write the predictions of a run's network, batch by batch; returns a message with the number of rows.

    The first column is the file of an input, or the number of its row, from 0; of series with dates there is a row for
    each step ahead, with its date. The predictions follow; see ``prediction_columns`` of the tasks. Files that cannot
    be read have a line in the log and no row. A terminal shows a progress bar.

    Args:
        where: images, a CSV file, or texts, as the run's data set reads them. None: the test split of the run's data,
            with the true value of each sample as the second column.
        output: a file of ``table_writer``, replaced when all rows have been written.
        which: the checkpoint, ``best`` or ``last``.
        column: the column of texts of a CSV file; None: that of training.
        codes: whether codes of the inputs are columns, too.
        baseline: of a directory of ``netyard baseline``, the one that predicts; None: the best on its validation part.

    Raises:
        ConfigError: the task predicts nothing, or the run is none of texts and has no such column.
        DataError: no input can be read.
    """
    model = Predictor.of(run_dir, which, codes, baseline)
    written = refused = 0
    with table_writer.open_table(output) as add:
        # One batch at a time, so that memory does not grow with the number of files.
        for columns, left_out in model.columns(where, column):
            refused += left_out
            if columns:
                add(columns)
                written += len(next(iter(columns.values())))
    return f"{written:,} row(s) in {output}{f', {refused} left out' if refused else ''}"


@dataclass(frozen=True)
class Predictor:
    """The task and data of a run, with the weights of one of its checkpoints."""

    task: Any
    data: Any
    columns_of: PredictionColumns
    device: torch.device

    @classmethod
    def of(cls, run_dir: RunDir, which: str = "best", codes: bool = False, baseline: str | None = None) -> Predictor:
        """Load the best or the last checkpoint of a run, or a baseline; raises as ``predict`` does."""
        if run_dir.baselines.is_file() and not run_dir.has_checkpoint:
            return cls(None, *baseline_run.load(run_dir, baseline), torch.device("cpu"))
        if baseline is not None:
            raise ConfigError(
                f"model is {baseline}, and {run_dir.path} has a network;",
                "directories of netyard baseline have several models;",
                "leave model out.",
            )
        recorded, config, choices = checkpoint.read_of(run_dir, which)
        task = checkpoint.rebuild(recorded, run_dir.checkpoint(which))
        data = checkpoint.build_data(recorded, config)
        columns_of = _prediction_columns(task, data, run_dir, choices["task"])
        if codes:
            columns_of = _with_codes(task, columns_of, choices["task"])
        if hasattr(data, "every_window"):
            data.every_window = getattr(task, "every_window", False)
        set_threads(config["threads"], task, config["data"])
        # The best device that is there, not that of training: a run of a GPU can be used on a laptop.
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(task.to(device), data, columns_of, device)

    def columns(self, given: Any = None, column: str | None = None) -> Iterator[tuple[dict[str, Sequence[Any]], int]]:
        """For each batch, its rows by column, and how many inputs of it could not be read.

        Args:
            given: see ``given.inputs_of``. None: the test split.
            column: see ``predict``.

        Raises:
            DataError: no input can be read.
        """
        if given is None and not has_split(self.data, "test"):
            raise DataError(
                "the run has no test part to predict: data.test_fraction is 0;",
                "without it, predictions are for files;",
                "try input=FILE.",
            )
        if given is None:
            self.data.prepare_data()  # downloads the data set if it is missing; files of the user need no data set
        inputs = self.data.test_inputs() if given is None else inputs_of(self.data, given, column)
        labels = self.data.output_names()
        written = refused = empty = 0
        # Inference mode lasts until the generator ends, so it covers the code of the caller between two batches.
        with _bar() as bar, torch.inference_mode():
            progress = bar.add_task("", total=inputs.total)
            for batch in inputs.batches:
                for error in batch.refused:  # files that cannot be read
                    log.warning("left out: %s", error)
                refused += len(batch.refused)
                bar.advance(progress, len(batch.names) + len(batch.refused))
                columns: dict[str, Sequence[Any]] = {}
                if batch.names:
                    # prepare() takes targets, which the user's files do not have: zeros, and the result is ignored.
                    x, _ = self.data.prepare(batch.x.to(self.device), torch.zeros(len(batch.x)))
                    targets = self._true_columns(batch, labels)
                    made = _without(self.columns_of(x, labels), getattr(batch, "empty", ()))
                    columns = {inputs.kind: batch.names, **targets, **made}
                    if arrange := getattr(batch, "arrange", None):
                        columns = dict(arrange(made, targets))
                    empty += len(getattr(batch, "empty", ()))
                written += len(batch.names)
                yield columns, len(batch.refused)
        if empty:
            log.warning("%s empty input(s) have a row without a prediction", f"{empty:,}")
        # Only now is it known; a damaged file among others is no error.
        if not written:
            raise DataError(
                f"none of the {refused} file(s) of {given or 'the test split'} can be read;",
                "the warnings above give the reason for each;",
                "repair them, or try another input.",
            )

    def _true_columns(self, batch: Any, labels: Sequence[str]) -> dict[str, list[Any]]:
        """What is known of the samples of a batch; of pairs of texts the source, too."""
        if batch.y is None or not (isinstance(self.task, PredictsText) and isinstance(self.data, PairData)):
            return _target_columns(batch.y, labels)
        return {
            "source": [self.data.decode_source(row) for row in batch.x],
            "target": [self.data.decode(row) for row in batch.y],
        }


def _without(columns: Mapping[str, Sequence[Any]], empty: Sequence[int]) -> Mapping[str, Sequence[Any]]:
    """The columns with None at the places of inputs without content."""
    if not empty:
        return columns
    places = {*empty}
    return {
        name: [None if place in places else cell for place, cell in enumerate(cells)] for name, cells in columns.items()
    }


def _bar() -> Progress:
    """A progress bar, shown on a terminal only and removed at the end; warnings appear above it."""
    console = Console(stderr=True, soft_wrap=True)  # stderr: standard output can be redirected into a file
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _prediction_columns(task: Any, data: Any, run_dir: RunDir, choice: str) -> PredictionColumns:
    if isinstance(task, Predicts):
        return task.prediction_columns
    if isinstance(task, PredictsText):
        return lambda x, _: task.translation_columns(x, data)
    raise ConfigError(
        f"{run_dir.path} is a run of task={choice}, which makes no predictions;",
        "classification, regression, forecasting, translation, reconstruction and variational tasks do;",
        f"try netyard generate run={run_dir.path}.",
    )


def _with_codes(task: Any, columns_of: PredictionColumns, choice: str) -> PredictionColumns:
    """The columns of a task, and after them the codes of the inputs."""
    if not isinstance(task, EncodesCodes):
        raise ConfigError(
            f"codes=true was given for a run of task={choice}, which has no continuous codes;",
            "autoencoders and VAEs have them;",
            "leave codes out.",
        )
    return lambda x, labels: {**columns_of(x, labels), **code_columns(task.codes_of(x))}


def _target_columns(y: Tensor | None, labels: Sequence[str]) -> dict[str, list[Any]]:
    """True classes (N,), labels or targets (N, num_targets) by column; none if they are unknown."""
    if y is None:
        return {}
    if not y.is_floating_point() and y.ndim == 2:
        return {"labels": label_lists(y > 0, labels)}
    if not y.is_floating_point():  # integers are class indices
        return {"label": [labels[number] if labels else number for number in y.tolist()]}
    # Suffixes as in the prediction columns: target_1 is the truth of prediction_1.
    suffixes = target_suffixes(y.shape[1], labels)
    return {f"target{suffix}": each.tolist() for suffix, each in zip(suffixes, y.T, strict=True)}
