"""Classification: what it learns, and that every number it logs is the one a hand would compute."""

from __future__ import annotations

import csv
from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from netyard import checkpoint
from netyard.tasks.classification import Classification
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*shuffle")


class Batches(L.LightningDataModule):
    """Fixed batches for every stage."""

    def __init__(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader


class TwoHeads(nn.Module):
    """Logits, and in training those of an auxiliary classifier."""

    auxiliary_weight = 0.3

    def __init__(self) -> None:
        super().__init__()
        self.main, self.side = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return (self.main(x), self.side(x)) if self.training else self.main(x)


def task_of(net: nn.Module, classes: int = 3, lr: float = 0.0, **settings: Any) -> Classification:
    return Classification(
        net,
        nn.CrossEntropyLoss(),
        partial(torch.optim.SGD, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        classes,
        **settings,
    )


def samples(sizes: tuple[int, ...], classes: int = 3) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(1)
    return [(torch.randn(size, 4), torch.randint(classes, (size,))) for size in sizes]


def joined(batches: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    x, y = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(y)


def test_the_loss_falls_on_a_handful_of_fixed_samples():
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    task, trainer, data = task_of(net, lr=0.5), trainer_of(60), Batches(samples((8,)))
    x, y = data.batches[0]
    before = F.cross_entropy(net(x), y).item()
    trainer.fit(task, data)
    assert F.cross_entropy(net(x), y).item() < 0.1 * before
    assert trainer.callback_metrics["train/accuracy"] == 1.0


@pytest.mark.parametrize("sizes", [(10,), (7, 1, 2), (1,) * 10])
def test_metrics_are_means_over_samples_whatever_the_batches(sizes: tuple[int, ...]):
    net = nn.Linear(4, 3)
    task, trainer, data = task_of(net), trainer_of(), Batches(samples(sizes))
    x, y = joined(data.batches)
    with torch.no_grad():
        loss, right = F.cross_entropy(net(x), y).item(), (net(x).argmax(1) == y).float().mean().item()
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    for stage in ("train", "val", "test"):
        assert got[f"{stage}/loss"].item() == pytest.approx(loss, rel=1e-5)
        assert got[f"{stage}/accuracy"].item() == pytest.approx(right, rel=1e-6)


def test_a_validation_within_the_epoch_leaves_the_training_means_right():
    net = nn.Linear(4, 3)
    data = Batches(samples((5, 2, 3, 4)))
    data.val_dataloader = Batches(samples((50,))).train_dataloader  # type: ignore[method-assign]
    x, y = joined(data.batches)
    loss = F.cross_entropy(net(x), y).item()
    trainer = trainer_of(2, val_check_interval=0.5)
    trainer.fit(task_of(net), data)
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_auxiliary_logits_enter_the_training_loss_by_their_weight_and_no_metric():
    net = TwoHeads()
    task, trainer, data = task_of(net), trainer_of(), Batches(samples((6, 2)))
    x, y = data.batches[0]
    main, side = F.cross_entropy(net.main(x), y), F.cross_entropy(net.side(x), y)
    torch.testing.assert_close(task.training_step((x, y), 0), main + 0.3 * side)
    x, y = joined(data.batches)
    loss = F.cross_entropy(net.main(x), y).item()
    trainer.fit(task_of(net), data)
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(loss, rel=1e-5)
    assert trainer.callback_metrics["val/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_the_lasso_penalty_enters_the_training_loss_only():
    net = nn.Linear(4, 3)
    data = Batches(samples((6, 2)))
    x, y = data.batches[0]
    plain, lasso = (task_of(net, l1=l1).training_step((x, y), 0) for l1 in (0.0, 0.1))
    torch.testing.assert_close(lasso - plain, 0.1 * net.weight.abs().sum())  # biases go free
    trainer = trainer_of()
    trainer.fit(task_of(net, l1=0.1), data)
    x, y = joined(data.batches)
    loss = F.cross_entropy(net(x), y).item()
    for stage in ("train", "val"):
        assert trainer.callback_metrics[f"{stage}/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_mixup_trains_on_soft_targets_and_is_judged_on_labels(train):
    ran = train(
        "model=mlp_tiny", "data=digits", "augmentation=mixup", "trainer=cpu", "trainer.max_epochs=2", "logger=none"
    )
    assert ran.code == 0, ran.err
    with (ran.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 0.1 < float(rows[-1]["train/accuracy"]) < float(rows[-1]["val/accuracy"]) <= 1
    assert checkpoint.load(ran.path).num_outputs == 10
