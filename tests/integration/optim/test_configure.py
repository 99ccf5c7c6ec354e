"""One function from the user's choices to Lightning's format."""

from functools import partial

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn

from netyard.optim import configure_optimizer, schedules
from netyard.optim.muon import MuonAdamW


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


class Line(LightningModule):
    """Learns y = sum(x) and remembers the lrs it saw."""

    def __init__(self, optimizer, scheduler):
        super().__init__()
        self.net = net()
        self.choice = (optimizer, scheduler)
        self.losses: list[float] = []
        self.lrs: list[float] = []

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self.net(batch), batch.sum(1, keepdim=True))
        self.losses.append(loss.item())
        return loss

    def on_train_epoch_end(self):
        self.lrs.append(self.optimizers().param_groups[0]["lr"])

    def configure_optimizers(self):
        steps = self.trainer.estimated_stepping_batches
        return configure_optimizer(self.net, *self.choice, steps, "val/loss")


class Batches:
    """A fixed list of batches; a bare list would be taken for one loader an element."""

    def __init__(self, count: int) -> None:
        self.batches = [torch.randn(16, 3, generator=torch.Generator().manual_seed(seed)) for seed in range(count)]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


def fit(module: Line, epochs: int, **settings) -> None:
    Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    ).fit(module, Batches(5))


# As conf/optimizer/lbfgs.yaml has it; without a line search it diverges on some processors.
WOLFE = partial(torch.optim.LBFGS, lr=0.3, line_search_fn="strong_wolfe")


# Lightning 2.6 on torch 2.15
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec:FutureWarning")
class TestUnderLightning:
    @pytest.mark.parametrize(
        "optimizer",
        [partial(torch.optim.SGD, lr=0.1), WOLFE, partial(MuonAdamW, lr=0.03)],
        ids=["sgd", "lbfgs", "muon"],
    )
    def test_the_loss_falls_and_the_lr_reaches_its_end(self, optimizer):
        module = Line(optimizer, schedules.cosine)
        fit(module, 4)
        assert module.losses[-1] < 0.5 * module.losses[0]
        assert module.lrs[-1] == 0.0

    def test_accumulated_batches_are_one_step_of_the_schedule(self):
        module = Line(partial(torch.optim.SGD, lr=0.1), schedules.cosine)
        fit(module, 3, accumulate_grad_batches=2)
        assert module.lrs[-1] == 0.0
