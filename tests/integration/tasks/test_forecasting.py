"""Forecasting: learned on a standard scale, judged in the series' own units beside the naive forecasts."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from netyard.tasks.forecasting import NORMALIZATIONS, Forecast, Forecasting
from netyard.training import checkpoint
from support.fixed_batches import FixedBatches
from support.forecasting_task import HORIZON, SEASON, WINDOW, Linear, task_of
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
MEAN, STD, SCALE = torch.tensor(150.0), torch.tensor(40.0), torch.tensor(8.0)


class Measured(FixedBatches):
    """Fixed batches of windows, and other ones to validate and test."""

    season = SEASON

    def __init__(self, sizes: tuple[int, ...], evaluated: tuple[int, ...] = (5,)) -> None:
        torch.manual_seed(2)
        super().__init__(
            *(
                [(torch.randn(size, WINDOW, 1) * STD + MEAN, torch.randn(size, HORIZON) * STD + MEAN) for size in each]
                for each in (sizes, evaluated)
            )
        )

    def series_statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        return MEAN, STD, SCALE


class Recurrent(nn.Module):
    """The least that remembers."""

    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cell = cell(1, 8, batch_first=True)
        self.head = nn.Linear(8, HORIZON)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x)[0][:, -1])


class Told(nn.Module):
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer, self.idle = answer, nn.Parameter(torch.zeros(1))
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return self.answer.to(x).expand(len(x), -1) + 0 * self.idle


def scale_of(past: Tensor, normalize: str) -> tuple[Tensor, Tensor]:
    """Zero and one of each window (B, W), as (B, 1)."""
    if normalize == "window":
        return past.mean(1, keepdim=True), past.var(1, correction=0, keepdim=True).sqrt()
    return past[:, -1:] if normalize == "last" else torch.zeros(len(past), 1), torch.ones(len(past), 1)


def joined(batches: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    x, y = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(y)


def fitted(net: nn.Module, **settings: Any) -> Forecasting:
    """A task with the statistics of the data, its net as it was."""
    task = task_of(net, **settings)
    trainer_of(limit_train_batches=1, limit_val_batches=1).fit(task, Measured((2,)))
    return task


def test_mase_by_hand() -> None:
    """One window, 10 20 30 40, then 50 10 60; 8 is the error of a seasonal naive forecast in training."""
    data = Measured((1,))
    data.trained = data.evaluated = [(torch.tensor([10.0, 20, 30, 40])[None, :, None], torch.tensor([[50.0, 10, 60]]))]
    answer = (torch.tensor([[46.0, 16, 54]]) - MEAN) / STD  # 4, 6 and 6 off
    task, trainer = task_of(Told(answer)), trainer_of()
    trainer.fit(task, data)
    trainer.test(task, data, verbose=False)
    got = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert got["test/mae"] == pytest.approx(16 / 3, rel=1e-5)
    assert got["test/rmse"] == pytest.approx(math.sqrt(88 / 3), rel=1e-5)
    assert got["test/mase"] == pytest.approx(16 / 3 / 8, rel=1e-5)
    assert got["test/mase_naive"] == pytest.approx((10 + 30 + 20) / 3 / 8, rel=1e-5)  # 40 40 40
    assert got["test/mase_seasonal_naive"] == pytest.approx((40 + 10 + 30) / 3 / 8, rel=1e-5)  # 10 20 30


@pytest.mark.parametrize(
    ("sizes", "val_check_interval"),
    [((10,), 1.0), ((7, 1, 2), 1.0), ((7, 1, 2), 0.5), ((1,) * 10, 1.0), ((1,) * 10, 0.5)],
)
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_metrics_are_those_of_the_whole_epoch_in_the_series_units(
    sizes: tuple[int, ...], val_check_interval: float, normalize: str
) -> None:
    net, data = Linear(), Measured(sizes, evaluated=sizes[::-1])
    task = task_of(net, normalize=normalize)
    trainer = trainer_of(val_check_interval=val_check_interval)
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    for stage, batches in (("train", data.trained), ("val", data.evaluated), ("test", data.evaluated)):
        x, y = joined(batches)
        past = (x - MEAN) / STD
        zero, one = scale_of(past[..., 0], normalize)
        with torch.no_grad():
            output = net((past - zero[..., None]) / one[..., None]) * one + zero
        error = output * STD + MEAN - y
        wanted = {
            "loss": nn.functional.mse_loss(output, (y - MEAN) / STD),
            "mae": error.abs().mean(),
            "mse": error.square().mean(),
            "rmse": error.square().mean().sqrt(),
            "mase": error.abs().mean() / SCALE,
        }
        if stage != "train":
            last, season = x[:, -1], x[:, -SEASON : -SEASON + HORIZON, 0]
            wanted |= {
                "mase_naive": (last - y).abs().mean() / SCALE,
                "mase_seasonal_naive": (season - y).abs().mean() / SCALE,
            }
        assert {name for name in got if name.startswith(stage)} == {f"{stage}/{name}" for name in wanted}
        for name, value in wanted.items():
            assert got[f"{stage}/{name}"].item() == pytest.approx(value.item(), rel=1e-5), f"{stage}/{name}"


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_a_net_that_answers_the_truth_makes_no_error(normalize: str) -> None:
    data = Measured((4,), evaluated=(4,))
    data.evaluated = data.trained
    x, y = data.trained[0]
    zero, one = scale_of((x[..., 0] - MEAN) / STD, normalize)
    truth = ((y - MEAN) / STD - zero) / one
    task, trainer = task_of(Told(truth), normalize=normalize), trainer_of()
    trainer.fit(task, data)
    assert trainer.callback_metrics["val/mae"].item() < 1e-4  # of numbers around 150, in float32
    torch.testing.assert_close(task(x), y)


@pytest.mark.parametrize(
    ("normalize", "seen", "zero"),
    [
        ("series", [0, 1, -1, 0.5, 0, 2], 150.0),
        ("last", [-2, -1, -3, -1.5, -2, 0], 230.0),
        # Of mean 166.67 and standard deviation 37.27.
        ("window", [-0.4472, 0.6261, -1.5205, 0.0894, -0.4472, 1.6994], 166.6667),
    ],
)
def test_the_net_sees_numbers_around_zero(normalize: str, seen: list[float], zero: float) -> None:
    x = torch.tensor([150.0, 190.0, 110.0, 170.0, 150.0, 230.0])[None, :, None]
    net = Told(torch.zeros(1, HORIZON))
    forecast = fitted(net, normalize=normalize)(x)
    assert net.seen is not None and net.seen.flatten().tolist() == pytest.approx(seen, abs=1e-3)
    assert forecast.flatten().tolist() == pytest.approx([zero] * HORIZON)


@pytest.mark.parametrize(
    ("normalize", "level_is_nothing", "swing_is_nothing"),
    [("series", False, False), ("last", True, False), ("window", True, True)],
)
def test_what_is_normalised_away_changes_nothing(
    normalize: str, level_is_nothing: bool, swing_is_nothing: bool
) -> None:
    """The same wave a thousand higher is forecast a thousand higher, and one twice as wide twice as wide."""
    x = torch.randn(3, WINDOW, 1) * STD + MEAN
    task = fitted(Linear(), normalize=normalize)
    assert torch.allclose(task(x + 1000), task(x) + 1000, atol=0.01) == level_is_nothing
    last = x[:, -1:]
    wide = task(2 * (x - last) + last)
    assert torch.allclose(wide, 2 * (task(x) - last[:, 0]) + last[:, 0], atol=0.01) == swing_is_nothing


def test_a_window_without_change_is_forecast_all_the_same() -> None:
    assert fitted(Linear(), normalize="window")(torch.full((2, WINDOW, 1), 7.0)).isfinite().all()


@pytest.mark.parametrize(
    ("make", "normalize"),
    [*zip([Linear, partial(Recurrent, nn.GRU), partial(Recurrent, nn.LSTM)], NORMALIZATIONS, strict=True)],
)
def test_the_loss_falls_on_a_handful_of_fixed_samples(make: Any, normalize: str) -> None:
    torch.manual_seed(0)
    net, data = make(), Measured((4,))
    task = task_of(net, normalize=normalize)
    task.optimizer = partial(torch.optim.Adam, lr=0.05)
    data.trained *= 80
    trainer_of(limit_val_batches=0).fit(task, data)
    x, y = data.trained[0]
    assert (task(x) - y).square().mean() / STD**2 < 0.1


@pytest.mark.parametrize("evaluated", [(5,), (2, 3), (1, 1, 3)])
def test_the_last_window_of_validation_and_test_is_kept_for_a_picture(evaluated: tuple[int, ...]) -> None:
    data = Measured((4,), evaluated)
    x, y = joined(data.evaluated)
    task, trainer = task_of(Linear()), trainer_of()
    assert task.forecast is None
    trainer.fit(task, data)
    for stage in ("val", "test"):
        if stage == "test":
            task.forecast = None
            trainer.test(task, data, verbose=False)
        assert isinstance(task.forecast, Forecast)
        past, true, predicted, seasonal = task.forecast
        assert torch.equal(past, x[-1, :, 0]) and torch.equal(true, y[-1])
        torch.testing.assert_close(predicted, task(x)[-1].detach())
        assert torch.equal(seasonal, x[-1, -SEASON : -SEASON + HORIZON, 0])
        assert all(each.device.type == "cpu" and not each.requires_grad for each in task.forecast)


def test_a_prediction_is_in_the_series_units() -> None:
    task = fitted(Linear())
    x, y = torch.randn(3, WINDOW, 1), torch.randn(3, HORIZON)
    assert torch.equal(task.predict_step(x, 0), task(x)) and torch.equal(task.predict_step((x, y), 0), task(x))
    torch.testing.assert_close(task(x), task.net((x - MEAN) / STD) * STD + MEAN, rtol=1e-5, atol=1e-4)


def test_a_season_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match=r"task\.season is 2 and data\.season 4; .*try data\.season=2"):
        trainer_of().fit(task_of(Linear(), season=2), Measured((2,)))


def test_sunspots_end_to_end_and_loaded_again(train: Any) -> None:
    ran = train("data=sunspots", "model=mlp", "trainer=cpu", "trainer.max_epochs=3", "logger=none")
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert (results["task"], results["objective"]["name"], results["objective"]["mode"]) == (
        "forecasting",
        "val/mae",
        "min",
    )
    metrics = results["metrics"]
    assert metrics["test/mase"] < metrics["test/mase_naive"]
    assert metrics["test/mae"] / metrics["test/mase"] == pytest.approx(metrics["val/mae"] / metrics["val/mase"])

    state = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["state_dict"]
    task = checkpoint.load(ran.path)
    for name in ("series_mean", "series_std", "mase_scale"):
        assert torch.equal(getattr(task, name), state[name])
    # Of 1700 to 1897, from the file itself.
    assert task.series_mean.item() == pytest.approx(44.37, abs=0.01)
    assert task.series_std.item() == pytest.approx(34.75, abs=0.01)
    assert task.mase_scale.item() == pytest.approx(22.24, abs=0.01)

    scores = []
    for _ in range(2):
        trainer = trainer_of()
        trainer.test(task, data_of(ran.path), verbose=False)
        scores.append({name: value.item() for name, value in trainer.callback_metrics.items()})
    assert scores[0] == scores[1] == {name: metrics[name] for name in scores[0]}


def data_of(run: Path) -> L.LightningDataModule:
    from netyard.config.instantiate import build

    return build(checkpoint.read(run / "checkpoints" / "best.ckpt")["netyard"]["config"]["data"])


def test_a_series_of_the_users_own(train: Any, tmp_path: Path) -> None:
    steps = torch.arange(400)
    wave = 1000 + 50 * torch.sin(steps * 2 * math.pi / 12.5) + steps  # no whole number of steps, and it climbs
    path = tmp_path / "wave.csv"
    path.write_text("time;height\n" + "".join(f"{step};{value:.3f}\n" for step, value in enumerate(wave.tolist())))
    ran = train(
        *("data=series", f"data.path={path}", "data.column=height", "data.season=12", "data.batch_size=16"),
        *("task.normalize=last", "model=mlp_tiny", "optimizer.lr=0.01", "trainer.max_epochs=20", "logger=none"),
    )
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert metrics["test/mase"] < min(metrics["test/mase_naive"], metrics["test/mase_seasonal_naive"])


def test_a_test_on_another_series_keeps_the_scale_of_training(train: Any, tmp_path: Path) -> None:
    values = torch.randn(150, generator=torch.Generator().manual_seed(0)).cumsum(0) + 500
    path = tmp_path / "walk.csv"
    path.write_text("y\n" + "".join(f"{value}\n" for value in values.tolist()))
    words = ("data=series", f"data.path={path}", "data.column=y", "data.window=8", "data.horizon=2")
    ran = train(*words, "model=mlp_tiny", "trainer.max_epochs=1", "logger=none")
    assert ran.code == 0, ran.err
    task, trainer = checkpoint.load(ran.path), trainer_of()
    mean, scale = task.series_mean.item(), task.mase_scale.item()
    path.write_text("y\n" + "".join(f"{value * 3}\n" for value in values.tolist()))
    trainer.test(task, data_of(ran.path), verbose=False)
    assert (task.series_mean.item(), task.mase_scale.item()) == (mean, scale)
    naive_before = ran.json("results.json")["metrics"]["test/mase_naive"]
    assert trainer.callback_metrics["test/mase_naive"].item() == pytest.approx(3 * naive_before, rel=1e-3)
