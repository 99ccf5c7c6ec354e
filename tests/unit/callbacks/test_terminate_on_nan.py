"""A loss that is NaN ends the run with a message, and the last good checkpoint is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from lightning import LightningModule

from netyard.callbacks.terminate_on_nan import report


def test_the_report_finds_what_is_wrong_with_a_batch() -> None:
    module = LightningModule()
    module.layer = torch.nn.Linear(2, 1)
    module.layer.weight.data[0, 0] = torch.inf
    module.layer.bias.grad = torch.full((1,), 3.0)
    trainer: Any = SimpleNamespace(optimizers=[torch.optim.SGD(module.parameters(), 0.5)])
    batch = {"x": torch.tensor([[1.0, torch.nan]]), "more": [torch.tensor([torch.inf])]}
    told = report(trainer, module, batch)
    assert told["rates"] == [0.5] and told["gradient_norms"] == {"layer.bias": 3.0}
    assert told["weights_not_finite"] == ["layer.weight"]
    shape = {"dtype": "float32", "not_finite": 1}
    assert told["batch"]["batch.x"] == {"shape": [1, 2], **shape, "least": 1.0, "greatest": 1.0}
    assert told["batch"]["batch.more[0]"] == {"shape": [1], **shape}
