"""Gives callbacks and loggers read access to the run: their method ``attach`` is called once before training.

A callback of another package implements the same method::

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
    """Read-only view of a run; ``netyard.training.context.RunContext`` implements it."""

    # A protocol instead of the class: ``training`` imports ``callbacks``, so an import here would be circular.

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved config, as plain Python types."""

    @property
    def choices(self) -> Mapping[str, Any]:
        """The chosen option of each config group."""

    @property
    def run_dir(self) -> RunDir:
        """The directory that the run writes to."""

    @property
    def task(self) -> LightningModule:
        """The LightningModule that is trained."""

    @property
    def datamodule(self) -> LightningDataModule:
        """The data module that it is trained on."""

    @property
    def parameters(self) -> int:
        """The number of parameters of the network."""

    @property
    def resumed_step(self) -> int | None:
        """Optimizer step at which a resumed run continues, 0 if it had no checkpoint; None if the run is new."""

    @property
    def checkpoint_contents(self) -> Mapping[str, Any]:
        """Entries added to each checkpoint of Lightning: config and choices, without secrets."""

    @property
    def unchecked_metrics(self) -> Mapping[str, str]:
        """Monitored metrics that the task is not certain to log (all but its default), with their config keys."""

    def feature_network(self, path: str) -> nn.Module:
        """The classifier of another run, as a map of images (B, C, H, W) in [0, 1] to features (B, D)."""


@runtime_checkable
class Attachable(Protocol):
    """A callback or a logger that reads properties of its run."""

    def attach(self, run: RunFacts) -> None:
        """Store what is needed; called once, after all objects of the run are built, before training or testing."""


def attach(run: RunFacts, parts: Iterable[Any]) -> None:
    """Call ``attach`` of the callbacks and loggers that have it."""
    for part in parts:
        # A runtime protocol check only looks for the method, so Lightning's own callbacks are passed over.
        if isinstance(part, Attachable):
            part.attach(run)
