"""The gradient of the last, shorter accumulation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard.callbacks.accumulation import LastAccumulation


@pytest.mark.parametrize(("ready", "factor"), [(3, 1.0), (4, 3.0), (5, 1.5), (6, 1.0)])
def test_the_last_gradients_of_an_epoch_are_averaged_over_their_number(ready: int, factor: float) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([2.0, -4.0])
    progress = SimpleNamespace(current=SimpleNamespace(ready=ready))
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress))
    trainer: Any = SimpleNamespace(accumulate_grad_batches=3, fit_loop=loop)
    optimizer = torch.optim.SGD([weight, torch.nn.Parameter(torch.ones(1))], lr=1.0)
    LastAccumulation().on_before_optimizer_step(trainer, torch.nn.Module(), optimizer)  # type: ignore[arg-type]
    assert weight.grad.tolist() == [2 * factor, -4 * factor]
