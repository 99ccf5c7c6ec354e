"""Regression: learned on a standard scale, judged and predicted in the targets' own units."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import netyard
from netyard.errors import DataError
from netyard.tasks.regression import Regression
from netyard.training import checkpoint
from support.exports import export, metadata
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
MEAN, STD = torch.tensor([150.0, -2.0]), torch.tensor([40.0, 0.5])


class Measured(L.LightningDataModule):
    """Fixed batches of two targets, of quite different sizes."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.batches = [(torch.randn(size, 4), torch.randn(size, 2) * STD + MEAN) for size in sizes]

    def target_statistics(self) -> tuple[Tensor, Tensor]:
        return MEAN, STD

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader

    def joined(self) -> tuple[Tensor, Tensor]:
        x, y = zip(*self.batches, strict=True)
        return torch.cat(x), torch.cat(y)


def task_of(net: nn.Module, lr: float = 0.0, **settings: Any) -> Regression:
    return Regression(
        net,
        nn.MSELoss(),
        partial(torch.optim.SGD, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        2,
        **settings,
    )


@pytest.mark.parametrize(
    ("sizes", "val_check_interval"),
    [((10,), 1.0), ((7, 1, 2), 1.0), ((7, 1, 2), 0.5), ((1,) * 10, 1.0), ((1,) * 10, 0.5)],
)
def test_metrics_are_those_of_the_whole_epoch_in_the_targets_units(sizes: tuple[int, ...], val_check_interval: float):
    net, data = nn.Linear(4, 2), Measured(sizes)
    x, y = data.joined()
    with torch.no_grad():
        output = net(x)
    error = output * STD + MEAN - y
    wanted = {
        "loss": nn.functional.mse_loss(output, (y - MEAN) / STD).item(),
        "mae": error.abs().mean().item(),
        "mse": error.square().mean().item(),
        "rmse": math.sqrt(error.square().mean().item()),
    }
    task, trainer = task_of(net), trainer_of(val_check_interval=val_check_interval)
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    for stage in ("train", "val", "test"):
        for name, value in wanted.items():
            assert got[f"{stage}/{name}"].item() == pytest.approx(value, rel=1e-5), f"{stage}/{name}"
    r2 = (1 - error.square().sum(0) / (y - y.mean(0)).square().sum(0)).mean().item()
    for stage in ("val", "test"):
        assert got[f"{stage}/r2"].item() == pytest.approx(r2, rel=1e-4, abs=1e-4)
        for target in range(2):
            assert got[f"{stage}/mae_{target + 1}"].item() == pytest.approx(
                error[:, target].abs().mean().item(), rel=1e-5
            )
            wanted_rmse = error[:, target].square().mean().sqrt().item()
            assert got[f"{stage}/rmse_{target + 1}"].item() == pytest.approx(wanted_rmse, rel=1e-5)
    assert "train/r2" not in got
    assert task.predicted is not None and task.true is not None
    torch.testing.assert_close(task.predicted, output * STD + MEAN)
    assert torch.equal(task.true, y)


def test_r2_of_a_constant_target_is_undefined() -> None:
    data = Measured((6,))
    data.batches = [(x, torch.stack([y[:, 0], torch.full((len(y),), -2.0)], dim=1)) for x, y in data.batches]
    trainer = trainer_of()
    trainer.fit(task_of(nn.Linear(4, 2)), data)
    assert "val/rmse" in trainer.callback_metrics and "val/r2" not in trainer.callback_metrics
    with pytest.raises(DataError, match=r"val/r2 is undefined: a target is the same .*; try .*task\.monitor=val/loss"):
        trainer_of().fit(task_of(nn.Linear(4, 2), monitor="val/r2", mode="max"), data)


def test_numbers_of_images_have_their_names(finished, tmp_path: Path) -> None:
    run = netyard.load(finished("places"))
    assert {"test/mae_x", "test/rmse_y", "test/r2"} <= set(run.metrics)
    assert {"prediction_x", "prediction_y"} <= set(run.predict(finished.files / "photos")[0])
    assert {"target_x", "target_y"} <= set(run.predict()[0])
    _, file = export(finished("places"), tmp_path, "format=onnx")
    assert metadata(file)["target_names"] == ["x", "y"] and "class_names" not in metadata(file)


def test_the_loss_falls_on_a_handful_of_fixed_samples():
    net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
    data, trainer = Measured((6,)), trainer_of(limit_val_batches=0)
    x, y = data.joined()
    data.batches *= 150
    trainer.fit(task_of(net, lr=0.1), data)
    assert nn.functional.mse_loss(net(x), (y - MEAN) / STD).item() < 0.1


def test_predictions_are_in_the_targets_units():
    task = task_of(nn.Linear(4, 2))
    trainer_of().fit(task, Measured((4,)))
    x = torch.randn(3, 4)
    torch.testing.assert_close(task(x), task.net(x) * STD + MEAN)
    assert torch.equal(task.predict_step(x, 0), task(x))


def test_the_lasso_penalty_enters_the_training_loss_only():
    net, data = nn.Linear(4, 2), Measured((6, 3))
    batch = data.batches[0]
    plain, lasso = (task_of(net, l1=l1).training_step(batch, 0) for l1 in (0.0, 0.1))
    torch.testing.assert_close((lasso - plain) / plain, 0.1 * net.weight.abs().sum() / plain, rtol=1e-2, atol=0)
    metrics = []
    for l1 in (0.0, 10.0):
        trainer = trainer_of()
        trainer.fit(task_of(net, l1=l1), data)
        metrics.append({name: float(value) for name, value in trainer.callback_metrics.items()})
    assert metrics[0] == metrics[1]


def test_the_statistics_of_the_targets_are_saved_with_the_weights(train):
    ran = train("model=mlp_tiny", "data=diabetes", "trainer=cpu", "trainer.max_epochs=2", "logger=none")
    assert ran.code == 0, ran.err
    state = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["state_dict"]
    task = checkpoint.load(ran.path)
    assert torch.equal(task.target_mean, state["target_mean"]) and torch.equal(task.target_std, state["target_std"])
    assert 140 < task.target_mean.item() < 165 and 60 < task.target_std.item() < 90  # of diabetes: 152 and 77
    assert 100 < task(torch.zeros(1, 10)).item() < 200
