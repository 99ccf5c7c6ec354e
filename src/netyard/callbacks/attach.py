"""How callbacks and loggers get facts of the run: through a method ``attach``, called once before training.

A callback of another package does the same::

    class Notes(Callback):
        def attach(self, run: RunFacts) -> None:
            self.path = run.run_dir.path / "notes.txt"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from lightning import LightningDataModule, LightningModule
from torch import nn

from netyard.run_directories.directory import RunDir


class RunFacts(Protocol):
    """What may be read of a run; ``netyard.training.context.RunContext`` implements it. It is read-only."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved config, plain types."""

    @property
    def choices(self) -> Mapping[str, Any]:
        """The option of each group."""

    @property
    def run_dir(self) -> RunDir:
        """Where the run writes."""

    @property
    def task(self) -> LightningModule:
        """What is trained."""

    @property
    def datamodule(self) -> LightningDataModule:
        """What it is trained on."""

    @property
    def parameters(self) -> int:
        """The number of parameters of the network."""

    @property
    def resumed_step(self) -> int | None:
        """The optimizer step of the state a resumed run continues from, 0 where it had saved none; else None."""

    @property
    def checkpoint_contents(self) -> Mapping[str, Any]:
        """What each checkpoint holds besides Lightning's own: config and choices, without secrets."""

    @property
    def unchecked_metrics(self) -> Mapping[str, str]:
        """Monitored metrics other than the default monitor of the task, each with the config key that names it."""

    def feature_network(self, path: str) -> nn.Module:
        """The classifier of another run, as pictures (B, C, H, W) in [0, 1] -> features (B, D)."""


@runtime_checkable
class Attachable(Protocol):
    """A callback or a logger that needs facts of its run."""

    def attach(self, run: RunFacts) -> None:
        """Take what is needed; called once, after everything of the run is built and before it trains or tests."""


def attach(run: RunFacts, parts: Iterable[Any]) -> None:
    """Call ``attach`` of those callbacks and loggers that have it."""
    for each in parts:
        if isinstance(each, Attachable):
            each.attach(run)
