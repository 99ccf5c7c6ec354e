"""The Python API: what ``python train.py`` and the commands do, with the same checks, messages and files.

A function raises ``netyard.NetyardError`` where a command would print a message and exit; its ``exit_code`` is the
command's. Process-wide settings (logging handlers, working directory, ``sys.argv``, threads) are restored, so a
notebook can train repeatedly.

Torch is imported only where it is needed: not by ``compose``, ``list`` and ``runs``, nor for the metrics of a ``Run``.
Therefore imports are inside the functions.
"""

from __future__ import annotations

import contextlib
import csv
import fnmatch
import html
import warnings
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netyard.errors import ArgumentError, CheckpointError, ConfigError
from netyard.io.process import train_command
from netyard.io.rows import Rows

if TYPE_CHECKING:
    from lightning import LightningDataModule, LightningModule
    from omegaconf import DictConfig
    from torch import nn

    from netyard.inference.generate import Episode, Images

PICTURES = 6  # images of a run that a notebook displays


class Run:
    """A run directory: its config, its results and the trained network.

    Files are read at the first access and cached; to see the progress of a running run, ``load`` it again.
    """

    def __init__(self, path: str | Path) -> None:
        from netyard.run_directories.directory import RunDir

        self.path = Path(path)
        self._directory = RunDir(self.path)
        self._directory.require()

    # Config and results

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config, with interpolations resolved if that is possible without the data."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        config, _ = self._composed
        try:
            return OmegaConf.to_container(OmegaConf.create(config), resolve=True)  # type: ignore[return-value]
        except OmegaConfBaseException:  # an interpolation of a value that only the data has, such as num_classes
            return config

    @cached_property
    def choices(self) -> dict[str, Any]:
        """The option of each group: ``{"model": "resnet18", "data": "cifar10", ...}``."""
        from netyard.config.catalog import GROUPS

        _, chosen = self._composed
        return {group: chosen[group] for group in GROUPS if group in chosen}

    @cached_property
    def _composed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._directory.composed()

    @cached_property
    def results(self) -> dict[str, Any]:
        """The content of ``results.json``; empty if the run has not finished."""
        return self._directory.results()

    @property
    def metrics(self) -> dict[str, float]:
        """Validation metrics of the best epoch and test metrics: ``{"val/accuracy": 0.97, "test/accuracy": 0.96}``."""
        return dict(self.results.get("metrics", {}))

    @property
    def baselines(self) -> dict[str, dict[str, float]]:
        """What models without a network reach, ``{"test/accuracy": {"nearest_neighbours": 0.98, ...}}``; {} if none."""
        return {metric: dict(values) for metric, values in self.results.get("baselines", {}).items()}

    @property
    def diagnostics(self) -> list[dict[str, str]]:
        """What went wrong in training, the most important first: ``check``, ``sentence``, ``command`` of each."""
        return list(self.results.get("diagnostics", []))

    @property
    def state(self) -> str:
        """``completed``, ``running``, ``failed``, ``interrupted`` or ``pruned``."""
        # Not cached: a run that is still training changes it.
        return str(self._directory.status().get("state", "pending"))

    @cached_property
    def history(self) -> Rows:
        """One row for each epoch: ``run.history.column("val/loss")``, ``run.history.to_pandas()``."""
        path = self.path / "metrics.csv"
        if not path.is_file():  # no epoch has ended yet
            return Rows()
        with path.open(newline="", encoding="utf-8") as file:
            return Rows({key: _number(text) for key, text in row.items()} for row in csv.DictReader(file))

    # The trained network, in evaluation mode on the CPU

    @property
    def net(self) -> nn.Module:
        """The network with the weights of the best epoch."""
        return self.task.net

    @property
    def task(self) -> LightningModule:
        """The LightningModule with the network, the loss and the metrics."""
        return self._loaded[0]

    @property
    def datamodule(self) -> LightningDataModule:
        """The data module of the run, with its saved state, such as a vocabulary."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        _import_torch()
        from netyard.training import checkpoint

        # Task and data from one read of the checkpoint, which may be large.
        recorded, config, _ = checkpoint.read_of(self._directory)
        task = checkpoint.rebuild(recorded, self._directory.best)
        return task.eval().cpu(), checkpoint.build_data(recorded, config)

    # What can be done with it

    def predict(
        self,
        given: Any = None,
        *,
        which: str = "best",
        column: str | None = None,
        codes: bool = False,
        model: str | None = None,
    ) -> Rows:
        """Return the predictions, one row for each input, as ``netyard predict`` writes them.

        Args:
            given: a path, an array (B, ...) in the data's own units, a data frame, a list of texts; see
                ``netyard.inference.given.inputs_of``. None: the test split, with its labels.
            which: the checkpoint, ``best`` or ``last``; the same in the methods below.
            column: the column of texts of a table; None: that of training.
            codes: whether codes of an autoencoder or a VAE are columns, too.
            model: of a run of ``netyard.baseline``, which of its models; None: the best on the validation part.

        Raises:
            ConfigError: the task makes no predictions.
            DataError: the input cannot be read, or has another shape than the training data.
        """
        _import_torch()
        from netyard.inference.predict import Predictor

        # By batches of columns, as they are written to files; transposed to rows below.
        with _undisturbed():
            batches = [
                columns
                for columns, _ in Predictor.of(self._directory, which, codes, model).columns(given, column)
                if columns
            ]
        return Rows(
            dict(zip(columns, values, strict=True))
            for columns in batches
            for values in zip(*columns.values(), strict=True)
        )

    def evaluate(self, *overrides: str, output: str | Path | None = None, which: str = "best") -> dict[str, float]:
        """Test the run again, as ``netyard evaluate``: ``run.evaluate("data=cifar10", "data.batch_size=512")``.

        Args:
            overrides: changes of the config, for another data set or batch size. ``data.path=test.csv`` and
                ``data.root=FOLDER`` test all rows or images of the given files.
            output: a folder for ``evaluation.json`` and images.

        Returns:
            The metrics, ``{"test/accuracy": 0.93, ...}``.
        """
        _import_torch()
        from netyard.cli import evaluate
        from netyard.cli.error_messages import explained

        # explained: the errors of Hydra and Lightning get the messages of the command line.
        with explained(overrides), _undisturbed():
            return evaluate.evaluated(self._directory, overrides, Path(output) if output else None, which)

    def generate(self, *, which: str = "best", **options: Any) -> str | Images | Rows | list[Episode]:
        """Generate samples, as ``netyard generate``: ``run.generate(count=16)``, ``run.generate(prompt="def ")``.

        ``latent`` decodes codes, an array (N, K) or a file; ``between=("a.png", "b.png")`` those between two inputs.

        Returns:
            A text; or images, (count, C, H, W) in [0, 1] in ``.pictures``, with ``.save(path)``; or episodes of an
            agent. A notebook displays them.
        """
        _import_torch()
        from netyard.inference.generate import generated

        with _undisturbed():
            return generated(self._directory, options, which=which)

    def export(self, format: str, output: str | Path | None = None, *, which: str = "best", **options: Any) -> Path:
        """Export the network to a file, as ``netyard export``; returns the path of the file.

        Args:
            format: ``onnx``, ``pt2``, ``state_dict`` or ``safetensors``.
            output: the file; ``exports/model.*`` in the run directory by default, or ``exports/decoder.*``.
            options: options of the command: ``normalize=True``, ``part="decoder"``, ``quantize="dynamic"``.
        """
        from netyard.export import request

        # Through the parser of the command line, for the same checks; it has true and false in small letters.
        texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in options.items()}
        words = [f"run={self.path}", f"which={which}", f"format={format}", *([f"output={output}"] if output else [])]
        wanted = request.parse([*words, *(f"{name}={value}" for name, value in texts.items())])
        _import_torch()
        from netyard.export import export

        with _undisturbed():
            export.export(wanted)
        return wanted.output

    def __repr__(self) -> str:
        # One line: model, data, state and objective.
        chosen = " ".join(f"{group}={self.choices[group]}" for group in ("model", "data") if group in self.choices)
        objective = self.results.get("objective")
        value = objective["value"] if objective else None
        scored = f" {objective['name']}={value:.4g}" if objective and value is not None else ""
        return f"<Run {self.path}: {chosen}, {self.state}{scored}>"

    def _repr_html_(self) -> str:
        """Return HTML for a notebook: the run, its metrics and some of its images."""
        table = Rows({"metric": name, "value": value} for name, value in sorted(self.metrics.items()))
        pictures = sorted((self.path / "pictures").glob("*.png"))[:PICTURES]
        # As data URLs: the notebook shows them after the run directory was moved, too.
        shown = "".join(
            f'<figure style="display:inline-block;margin:4px"><img style="max-width:320px" '
            f'alt="{html.escape(each.stem)}" src="data:image/png;base64,{b64encode(each.read_bytes()).decode()}">'
            f"<figcaption>{html.escape(each.stem)}</figcaption></figure>"
            for each in pictures
        )
        return f"<p>{html.escape(repr(self))}</p>{table._repr_html_() if table else ''}{shown}"


# Not a list: a Run reads its directory when it is created, and a folder may have thousands of them.
class RunList(Sequence[Run]):
    """A list of runs, newest first: ``runs[0]``, ``len(runs)``, ``runs.table``, ``runs.to_pandas()``."""

    def __init__(self, found: Sequence[Any]) -> None:
        self._found = list(found)

    def __getitem__(self, place: Any) -> Any:
        # A slice is a RunList again, so that runs[:10].table works.
        return RunList(self._found[place]) if isinstance(place, slice) else Run(self._found[place].path)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Run]:
        return (Run(each.path) for each in self._found)

    @property
    def table(self) -> Rows:
        """One row for each run: path, state, choices, seed and scores."""
        return Rows(
            {
                "path": str(each.path),
                "state": each.state,
                **{group: each.value(group) for group in ("model", "data", "task", "optimizer")},
                "seed": each.value("seed"),
                **each.scores,
            }
            for each in self._found
        )

    def to_pandas(self) -> Any:
        """The table as a ``pandas.DataFrame``."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


class Sweep:
    """A sweep's directory: its jobs and its leaderboard."""

    def __init__(self, path: str | Path) -> None:
        from netyard.sweeps.ledger import Ledger

        self.path = Path(path)
        self._ledger = Ledger.read(self.path)

    @property
    def state(self) -> str:
        return str(self._ledger.state)

    @cached_property
    def _jobs(self) -> list[Any]:
        from netyard.run_directories import records

        return records.gather([self.path])[0]  # [1]: notes on unreadable files, which netyard doctor prints

    @property
    def runs(self) -> RunList:
        """Every job that was started, ordered by number."""
        # A job that is still pending has an empty directory, or none.
        return RunList([each for each in self._jobs if (each.path / ".hydra").is_dir()])

    @cached_property
    def leaderboard(self) -> Rows:
        """One row for each configuration, best first: keys that differ, mean and deviation over seeds, best run."""
        from netyard.reports.configurations import tabulate

        tables = tabulate(self._jobs)
        return Rows(_line(table, rank, row) for table in tables for rank, row in enumerate(table.rows, start=1))

    @property
    def best(self) -> Run:
        """The best run of the best configuration.

        Raises:
            CheckpointError: no job has completed.
        """
        from netyard.run_directories.data_set import unranked

        if not self.leaderboard:
            raise CheckpointError(
                f"no job of {self.path} has completed{f', and {said}' if (said := unranked(self._jobs)) else ''};",
                "the best run is one of the completed jobs without debug=;",
                f"continue it with netyard.sweep('resume={self.path}').",
            )
        return Run(self.leaderboard[0]["best run"])

    def __repr__(self) -> str:
        return f"<Sweep {self.path}: {self.state}>\n{self.leaderboard!r}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(f'Sweep {self.path}: {self.state}')}</p>{self.leaderboard._repr_html_()}"


def fit(*overrides: str) -> Run:
    """Train and test a network, as ``python train.py OVERRIDES``; returns the finished run.

    ``netyard.fit("model=resnet18", "data=cifar10", "trainer.max_epochs=20")``; ``netyard.fit("resume=RUN_DIR")``
    resumes a run.

    Raises:
        NetyardError: with the message of the command; after Ctrl-C, or an interrupted cell, the run is saved and can
            be resumed.
    """
    from netyard import plugins
    from netyard.cli import train

    plugins.warn()  # the commands do this at their start
    return Run(train.run_one(_checked(overrides)).path)


def baseline(*overrides: str) -> Run:
    """Score models without a network, as ``netyard baseline OVERRIDES``: ``netyard.baseline("data=digits")``.

    ``.baselines`` of the result has what each reaches, ``.metrics`` those of the best on the validation part, and
    ``.predict(given, model=NAME)`` uses one of them.

    Raises:
        NetyardError: with the message of the command.
    """
    from netyard import plugins
    from netyard.cli import baseline as command

    plugins.warn()
    return Run(command.run_baselines(_checked(overrides)))


def sweep(*overrides: str) -> Sweep:
    """Train every combination, as ``python train.py -m OVERRIDES``: ``netyard.sweep("model=mlp,cnn", "seed=0,1,2")``.

    Raises:
        NetyardError: with the message of the command; a SweepError if jobs have failed; all files are written then.
    """
    from netyard import plugins
    from netyard.cli import train

    plugins.warn()
    folder = train.sweep_all(train.Request(["-m"], _checked(overrides)))
    if folder is None:  # a sweeper of another package, chosen by hydra/sweeper=...
        raise ConfigError(
            "the sweeper is not one of netyard's;",
            "netyard.sweep reads the sweep.json that netyard's sweepers write;",
            f"start it with {train_command()} -m.",
        )
    return Sweep(folder)


def load(where: str | Path | None = None, **filters: Any) -> Run:
    """Return the run in a run directory, or the newest run below a folder: ``netyard.load(model="resnet*")``.

    Args:
        where: a run directory or a folder above run directories; None means ``outputs/``, as in ``runs``.
        filters: as in ``runs``; only for a folder.

    Raises:
        CheckpointError: there is no such run.
        ArgumentError: filters are given with a run directory, which already names one run.
    """
    path = _folder(where)
    wanted = " ".join(f"{name}={value}" for name, value in filters.items())
    if (path / ".hydra").is_dir():
        if filters:
            raise ArgumentError(
                f"{path} is the directory of one run, and {wanted} is given to choose among several;",
                "filters choose the newest matching run below a folder;",
                f"try netyard.load({str(path)!r}) without filters, or the folder above it.",
            )
        return Run(path)
    found = runs(path, **filters)
    if not found:
        raise CheckpointError(
            f"there is no run{f' with {wanted}' if wanted else ''} in or below {path};",
            "a run directory is a folder that a run wrote;",
            "netyard.runs() lists those below outputs/.",
        )
    return found[0]


def runs(where: str | Path | None = None, **filters: Any) -> RunList:
    """Return the runs below a folder, newest first, with jobs of sweeps: ``netyard.runs("outputs", model="resnet*")``.

    Args:
        where: a folder; None means ``outputs/``, or the folder in ``NETYARD_OUTPUTS``.
        filters: values or patterns for choices, ``state`` and config keys, where ``__`` stands for the dot of a key:
            ``optimizer__lr=0.1``.
    """
    from netyard.reports.run_list import matches
    from netyard.run_directories import records

    # As on the command line: keyword arguments cannot contain a dot, and None is written null.
    texts = {name.replace("__", "."): "null" if value is None else str(value) for name, value in filters.items()}
    found, _ = records.gather([_folder(where)])
    return RunList(sorted((each for each in found if matches(each, texts)), key=lambda each: -each.started))


def compose(*overrides: str) -> DictConfig:
    """Return the checked config for these overrides, as ``python train.py OVERRIDES --cfg job`` prints it.

    Raises:
        ConfigError: the config is not valid.
    """
    from netyard.cli.error_messages import explained
    from netyard.config import compose as composing
    from netyard.config import schema

    texts = _checked(overrides)
    # Only what can be checked without the data: its number of classes may not be known yet.
    with explained(texts):
        config, choices = composing.compose(texts)
        schema.check(config, choices)
    return config


def list_options(group: str, pattern: str = "*") -> list[str]:
    """Return the options of a group: ``netyard.list("models", "resnet*")``.

    Raises:
        ConfigError: there is no such group.
    """
    from netyard.cli.list import group_named
    from netyard.config import catalog

    return [name for name in catalog.options(group_named(group)) if fnmatch.fnmatch(name, pattern)]


def _folder(where: str | Path | None) -> Path:
    from netyard.run_directories.directory import outputs

    return outputs() if where is None else Path(where).expanduser()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Restore torch's settings at the end of the block, and hide warnings of libraries inside it."""
    from netyard.training import process_state

    # Warnings are about the libraries' own later versions; in a notebook each would fill a cell.
    with process_state.restore_on_exit(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _checked(overrides: Sequence[str]) -> list[str]:
    """Refuse an argument that is not an override, such as a dict or a flag of the command line."""
    for each in overrides:
        if not isinstance(each, str) or ("=" not in each and not each.startswith("~")):
            raise ConfigError(
                f"{each!r} is not an override;",
                f"an override is a text key=value, as it is typed after {train_command()};",
                "try netyard.fit('model=mlp', 'seed=1').",
            )
    return [*overrides]


def _line(table: Any, rank: int, row: Any) -> dict[str, Any]:
    """Return one row of the leaderboard."""
    from netyard.metrics.intervals import deviation, mean

    values = row.values(table.ranked.name)
    scores = {table.ranked.name: mean(values), f"{table.ranked.name} std": deviation(values), "n": len(values)}
    return {"rank": rank, **table.data, **row.cells, **scores, "best run": str(row.runs[0].path)}


def _number(text: str | None) -> float | int | str | None:
    """Return a cell of ``metrics.csv`` as a number; None for an empty one, a metric not logged in that epoch."""
    if text is None or text == "":
        return None
    # Epochs and steps as int: 3 and not 3.0. "nan" and "inf" are floats.
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def _import_torch() -> None:
    # torch_import pauses garbage collection, which is a seventh of the time of the import.
    from netyard.cli import torch_import

    with torch_import.torch():
        import lightning  # noqa: F401  # with torch and torchvision, which may not fit each other
