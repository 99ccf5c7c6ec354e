"""netyard from Python: what ``python train.py`` and the commands do, with the same checks, messages and files.

Every function raises ``netyard.NetyardError`` where a command would print a message and end; its ``exit_code`` is the
command's. Nothing of the process is left changed: no logging handler, no working directory, no ``sys.argv``, no number
of threads; so a notebook trains as often as it likes.

Torch is imported by what needs it: not by ``compose``, ``list`` and ``runs``, nor by the numbers of a ``Run``.
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
from netyard.io.rows import Rows

if TYPE_CHECKING:
    from lightning import LightningDataModule, LightningModule
    from omegaconf import DictConfig
    from torch import nn

    from netyard.inference.generate import Episode, Images

PICTURES = 6  # of a run that a notebook shows


class Run:
    """A run directory: what was asked, what came of it, and the trained network.

    Everything is read when it is first asked for, and then kept; a run that still trains is read anew by ``load``.
    """

    def __init__(self, path: str | Path) -> None:
        from netyard.run_directories.directory import RunDir

        self.path = Path(path)
        self._directory = RunDir(self.path)
        self._directory.require()

    # What was asked, and what came of it

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config, with interpolations followed where that is possible without the data."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        config, _ = self._composed
        try:
            return OmegaConf.to_container(OmegaConf.create(config), resolve=True)  # type: ignore[return-value]
        except OmegaConfBaseException:  # a fact that only the data know
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
        """``results.json``; empty of a run that has not finished."""
        return self._directory.results()

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the best epoch and of the test, ``{"val/accuracy": 0.97, "test/accuracy": 0.96}``."""
        return dict(self.results.get("metrics", {}))

    @property
    def state(self) -> str:
        """``completed``, ``running``, ``failed``, ``interrupted`` or ``pruned``."""
        return str(self._directory.status().get("state", "pending"))

    @cached_property
    def history(self) -> Rows:
        """A row an epoch, as in ``metrics.csv``: ``run.history.column("val/loss")``, ``run.history.to_pandas()``."""
        path = self.path / "metrics.csv"
        if not path.is_file():
            return Rows()
        with path.open(newline="", encoding="utf-8") as file:
            return Rows({key: _number(text) for key, text in row.items()} for row in csv.DictReader(file))

    # The trained network, in evaluation mode and on the CPU

    @property
    def net(self) -> nn.Module:
        """The network with the weights of the best epoch."""
        return self.task.net

    @property
    def task(self) -> LightningModule:
        """The LightningModule around it, which knows the loss, the units of its targets, its export."""
        return self._loaded[0]

    @property
    def datamodule(self) -> LightningDataModule:
        """The data it was trained on, with everything that training learned of them."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        _import_torch()
        from netyard.training import checkpoint

        recorded, config, _ = checkpoint.read_best(self._directory)
        task = checkpoint.rebuild(recorded, self._directory.best)
        return task.eval().cpu(), checkpoint.build_data(recorded, config)

    # What can be asked of it

    def predict(self, given: Any = None) -> Rows:
        """The prediction for each input, one row each, as ``netyard predict`` writes it.

        Args:
            given: a path, an array (B, ...) in the data's own units, a data frame, a list of texts; see
                ``netyard.inference.given.inputs_of``. None: the test part, with what is true of it.

        Raises:
            ConfigError: the task predicts nothing.
            DataError: it cannot be read, or has another shape.
        """
        _import_torch()
        from netyard.inference.predict import Predictor

        with _undisturbed():
            batches = [columns for columns, _ in Predictor.of(self._directory).columns(given) if columns]
        return Rows(
            dict(zip(columns, values, strict=True))
            for columns in batches
            for values in zip(*columns.values(), strict=True)
        )

    def evaluate(self, *overrides: str, output: str | Path | None = None) -> dict[str, float]:
        """Test it again, as ``netyard evaluate``: ``run.evaluate("data=cifar10", "data.batch_size=512")``.

        Args:
            output: a folder for ``evaluation.json`` and pictures.

        Returns:
            The metrics, ``{"test/accuracy": 0.93, ...}``.
        """
        _import_torch()
        from netyard.cli import evaluate
        from netyard.cli.error_messages import explained

        with explained(overrides), _undisturbed():
            return evaluate.evaluated(self._directory, overrides, Path(output) if output else None)

    def generate(self, **options: Any) -> str | Images | list[Episode]:
        """What the network makes, as ``netyard generate``: ``run.generate(count=16)``, ``run.generate(prompt="def ")``.

        Returns:
            A text; images (count, C, H, W) in [0, 1], as ``.pictures``, which ``.save(path)`` writes; or episodes.
            A notebook shows them.
        """
        _import_torch()
        from netyard.inference.generate import generated

        with _undisturbed():
            return generated(self._directory, options)

    def export(self, format: str, output: str | Path | None = None, **options: Any) -> Path:
        """Write it as a file for other programs, as ``netyard export``; returns the file.

        Args:
            format: ``onnx``, ``pt2``, ``state_dict`` or ``safetensors``.
            output: the file; ``exports/model.*`` in the run directory unless told otherwise.
            options: ``normalize=True``, ``quantize="dynamic"``.
        """
        from netyard.export import request

        # As the command line has them: true and false in small letters.
        texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in options.items()}
        words = [f"run={self.path}", f"format={format}", *([f"output={output}"] if output else [])]
        wanted = request.parse([*words, *(f"{name}={value}" for name, value in texts.items())])
        _import_torch()
        from netyard.export import export

        with _undisturbed():
            export.export(wanted)
        return wanted.output

    def __repr__(self) -> str:
        chosen = " ".join(f"{group}={self.choices[group]}" for group in ("model", "data") if group in self.choices)
        objective = self.results.get("objective")
        scored = f" {objective['name']}={objective['value']:.4g}" if objective else ""
        return f"<Run {self.path}: {chosen}, {self.state}{scored}>"

    def _repr_html_(self) -> str:
        """For a notebook: what it is, its metrics and its pictures."""
        table = Rows({"metric": name, "value": value} for name, value in sorted(self.metrics.items()))
        pictures = sorted((self.path / "pictures").glob("*.png"))[:PICTURES]
        shown = "".join(
            f'<figure style="display:inline-block;margin:4px"><img style="max-width:320px" '
            f'alt="{html.escape(each.stem)}" src="data:image/png;base64,{b64encode(each.read_bytes()).decode()}">'
            f"<figcaption>{html.escape(each.stem)}</figcaption></figure>"
            for each in pictures
        )
        return f"<p>{html.escape(repr(self))}</p>{table._repr_html_() if table else ''}{shown}"


class RunList(Sequence[Run]):
    """Runs, newest first. ``runs[0]``, ``len(runs)``, ``runs.table``, ``runs.to_pandas()``."""

    def __init__(self, found: Sequence[Any]) -> None:
        self._found = list(found)

    def __getitem__(self, place: Any) -> Any:
        return RunList(self._found[place]) if isinstance(place, slice) else Run(self._found[place].path)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Run]:
        return (Run(each.path) for each in self._found)

    @property
    def table(self) -> Rows:
        """A row a run: its path, state, choices, seed and scores."""
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

        return records.gather([self.path])[0]

    @property
    def runs(self) -> RunList:
        """Every job that has begun, in the order of their numbers."""
        return RunList([each for each in self._jobs if (each.path / ".hydra").is_dir()])

    @cached_property
    def leaderboard(self) -> Rows:
        """A row a configuration, best first: the keys that differ, mean and deviation over seeds, its best run."""
        from netyard.reports.configurations import tabulate

        tables = tabulate(self._jobs)
        return Rows(_line(table, rank, row) for table in tables for rank, row in enumerate(table.rows, start=1))

    @property
    def best(self) -> Run:
        """The best run of the best configuration.

        Raises:
            CheckpointError: no job has completed.
        """
        if not self.leaderboard:
            raise CheckpointError(
                f"no job of {self.path} has completed;",
                "the best run is one that was tested;",
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
    continues one.

    Raises:
        NetyardError: what the command would say; after Ctrl-C, or an interrupted cell, the run is saved and can be
            resumed.
    """
    from netyard import plugins
    from netyard.cli import train

    plugins.warn()
    return Run(train.run_one(_checked(overrides)).path)


def sweep(*overrides: str) -> Sweep:
    """Train every combination, as ``python train.py -m OVERRIDES``: ``netyard.sweep("model=mlp,cnn", "seed=0,1,2")``.

    Raises:
        NetyardError: what the command would say; a SweepError where some jobs have failed, whose files are there.
    """
    from netyard import plugins
    from netyard.cli import train

    plugins.warn()
    folder = train.sweep_all(train.Request(["-m"], _checked(overrides)))
    if folder is None:
        raise ConfigError(
            "the sweeper is not one of netyard's;",
            "netyard.sweep reads the sweep.json that netyard's sweepers write;",
            "start it with python train.py -m.",
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
    """The runs below a folder, newest first, jobs of sweeps among them: ``netyard.runs("outputs", model="resnet*")``.

    Args:
        where: a folder; None is ``outputs/``, or what ``NETYARD_OUTPUTS`` names.
        filters: of choices, ``state`` and keys of the config; a dot of a key is two underscores:
            ``optimizer__lr=0.1``.
    """
    from netyard.reports.run_list import matches
    from netyard.run_directories import records

    texts = {name.replace("__", "."): "null" if value is None else str(value) for name, value in filters.items()}
    found, _ = records.gather([_folder(where)])
    return RunList(sorted((each for each in found if matches(each, texts)), key=lambda each: -each.started))


def compose(*overrides: str) -> DictConfig:
    """The config that these overrides make, as ``python train.py OVERRIDES --cfg job`` prints it; checked.

    Raises:
        ConfigError: it cannot make a run.
    """
    from netyard.cli.error_messages import explained
    from netyard.config import compose as composing
    from netyard.config import schema

    texts = _checked(overrides)
    with explained(texts):
        config, choices = composing.compose(texts)
        schema.check(config, choices)
    return config


def list_options(group: str, pattern: str = "*") -> list[str]:
    """The options of a group: ``netyard.list("models", "resnet*")``.

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
    """Inside, torch's settings may be changed, and libraries' remarks about their own future are not shown."""
    from netyard.training import process_state

    with process_state.restore_on_exit(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _checked(overrides: Sequence[str]) -> list[str]:
    for each in overrides:
        if not isinstance(each, str) or ("=" not in each and not each.startswith("~")):
            raise ConfigError(
                f"{each!r} is not an override;",
                "an override is a text key=value, as it is typed after python train.py;",
                "try netyard.fit('model=mlp', 'seed=1').",
            )
    return [*overrides]


def _line(table: Any, rank: int, row: Any) -> dict[str, Any]:
    from netyard.metrics.intervals import deviation, mean

    values = row.values(table.ranked.name)
    scores = {table.ranked.name: mean(values), f"{table.ranked.name} std": deviation(values), "n": len(values)}
    return {"rank": rank, **row.cells, **scores, "best run": str(row.runs[0].path)}


def _number(text: str | None) -> float | int | str | None:
    if text is None or text == "":
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def _import_torch() -> None:
    from netyard.cli import torch_import

    with torch_import.torch():
        import torch  # noqa: F401
