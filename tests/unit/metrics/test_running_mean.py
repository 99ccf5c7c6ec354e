"""Means over an epoch are weighted by samples, and need the same scalars in every batch."""

from __future__ import annotations

import pytest
import torch
from lightning import LightningModule, Trainer

from netyard.metrics.running_mean import RunningMean


def totals(means: RunningMean) -> dict[str, float]:
    """The means from the saved state, for a task on one device."""
    task = LightningModule()
    task.trainer = Trainer(logger=False, accelerator="cpu", enable_checkpointing=False)
    state = means.state(task)
    return {name: float(each) / state["weight"] for name, each in state.get("sums", {}).items()}


def test_a_batch_is_weighted_by_its_samples() -> None:
    means = RunningMean()
    assert totals(means) == {}
    means.add(3, loss=torch.tensor(1.0), accuracy=torch.tensor(0.5))
    means.add(1, loss=torch.tensor(5.0), accuracy=torch.tensor(0.25))
    assert totals(means) == {"loss": 2.0, "accuracy": 0.4375}


def test_a_batch_of_weight_zero_is_ignored() -> None:
    means = RunningMean()
    means.add(torch.tensor(2), loss=torch.tensor(4.0))
    means.add(torch.tensor(0), loss=torch.tensor(float("nan")))
    assert totals(means) == {"loss": 4.0}


def test_added_values_are_detached() -> None:
    means = RunningMean()
    means.add(1, loss=torch.ones((), requires_grad=True) * 2)
    means.add(1, loss=torch.ones((), requires_grad=True, dtype=torch.bfloat16) * 4)
    assert totals(means) == {"loss": 3.0}
    assert means._sums is not None and not means._sums.requires_grad and means._sums.dtype == torch.float32


def test_a_batch_with_other_scalars_is_refused() -> None:
    means = RunningMean()
    means.add(1, loss=torch.tensor(1.0))
    with pytest.raises(ValueError, match="had loss, and this one has loss, accuracy"):
        means.add(1, loss=torch.tensor(1.0), accuracy=torch.tensor(1.0))
