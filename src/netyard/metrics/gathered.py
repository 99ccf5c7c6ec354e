"""Outputs and targets of all samples of a validation or test, from all devices."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class Gathered(Metric):
    """Collects (B, ...) outputs and targets of each batch; ``all_of`` joins them, rank after rank."""

    full_state_update = False
    outputs: list[Tensor]
    targets: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("outputs", default=[], dist_reduce_fx="cat")
        self.add_state("targets", default=[], dist_reduce_fx="cat")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        self.outputs.append(outputs)
        self.targets.append(targets)

    def compute(self) -> tuple[Tensor, Tensor]:
        return dim_zero_cat(self.outputs), dim_zero_cat(self.targets)

    def all_of(self) -> tuple[Tensor, Tensor]:
        """Outputs (N, ...) and targets (N, ...) of all devices; every device must call it."""
        found: Any = self.compute()
        self.reset()
        return found
