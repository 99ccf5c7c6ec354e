"""The lean loop beside Lightning's own: the same run, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, TensorDataset

from netyard.config.compose import compose
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint, fit, lean_loop

QUIET = ("trainer=cpu", "trainer.max_epochs=2", "trainer.limit_train_batches=5", "trainer.limit_test_batches=1")
PICTURES = (
    "data=digits",
    "data.batch_size=16",
    "callbacks.figures=null",
    "callbacks.samples=null",
    "callbacks.scores.num_val_samples=64",
    "callbacks.scores.num_test_samples=64",
)


@pytest.fixture
def twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run by the lean loop, and by Lightning's; the directories of both, and how many batches went the lean way."""

    def runs(*overrides: str) -> tuple[Path, Path, int]:
        cfg, choices = compose((*overrides, *QUIET))
        plain = OmegaConf.to_yaml(cfg)
        stock, lean, counted = tmp_path / "stock", tmp_path / "lean", []
        with monkeypatch.context() as patch:
            patch.setattr(lean_loop, "_supports", lambda trainer, data_fetcher: False)
            fit.fit(OmegaConf.create(plain), dict(choices), RunDir(stock))
        own = lean_loop._Lookup.to_device
        with monkeypatch.context() as patch:
            patch.setattr(lean_loop._Lookup, "to_device", lambda self, batch: counted.append(1) or own(self, batch))
            fit.fit(OmegaConf.create(plain), dict(choices), RunDir(lean))
        return stock, lean, len(counted)

    return runs


def state(path: Path) -> dict[str, Any]:
    found = checkpoint.read(path / "checkpoints" / "last.ckpt")
    return {
        key: found[key]
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "loops", "global_step", "callbacks")
    }


def flat(node: Any, where: str = "") -> dict[str, Any]:
    if isinstance(node, dict):
        return {name: leaf for key, each in node.items() for name, leaf in flat(each, f"{where}.{key}").items()}
    if isinstance(node, list | tuple):
        return flat(dict(enumerate(node)), where)
    return {where: node.tolist() if isinstance(node, torch.Tensor) else repr(node)}


@pytest.mark.parametrize(
    "overrides",
    [
        (
            "model=mlp_tiny", "data=iris", "data.batch_size=8", "model.dropout=0.3", "trainer.log_every_n_steps=1",
            "trainer.gradient_clip_val=0.1", "scheduler=one_cycle",
        ),
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "trainer.accumulate_grad_batches=2"),
        ("model=mlp_tiny", "data=iris", "data.batch_size=8", "trainer.max_steps=7", "callbacks=[default,ema]"),
        ("model=mlp_tiny", "data=diabetes", "data.batch_size=16", "optimizer=lbfgs", "scheduler=plateau"),
        ("model=mlp_tiny", "data=diabetes", "data.batch_size=16", "optimizer=muon", "trainer.precision=bf16-mixed"),
        ("model=gan", *PICTURES),
        ("model=cnn_tiny", *PICTURES, "augmentation=cutmix"),
    ],
    ids=lambda overrides: " ".join(overrides[-2:]),
)  # fmt: skip
def test_a_run_is_that_of_lightnings_own_loop(twice, overrides: tuple[str, ...]) -> None:
    stock, lean, batches = twice(*overrides)
    assert batches >= 7
    expected, found = flat(state(stock)), flat(state(lean))
    assert found.keys() == expected.keys()
    assert {key: found[key] for key in found if found[key] != expected[key]} == {}
    assert (lean / "metrics.csv").read_text() == (stock / "metrics.csv").read_text()
    assert RunDir(lean).results()["metrics"] == RunDir(stock).results()["metrics"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("model=mlp_tiny", "data=iris", "debug=profile"),
        (
            "model=dqn",
            "data.steps_per_batch=32",
            "data.steps_per_epoch=64",
            "data.val_episodes=1",
            "data.test_episodes=1",
        ),
    ],
)
def test_what_it_does_not_know_it_leaves_alone(twice, overrides: tuple[str, ...]) -> None:
    stock, lean, batches = twice(*overrides)
    assert batches == 0
    assert flat(state(lean)) == flat(state(stock))


class Spied(LightningModule):
    """A module that is none of ours: logs at each step, returns more than a loss, and ends its second epoch early."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)
        self.seen: list[tuple[Any, ...]] = []

    def training_step(self, batch: list[torch.Tensor]) -> dict[str, Any] | None:
        loss = self.layer(batch[0]).square().mean()
        self.log("loss", loss, on_step=True, on_epoch=True)
        self.seen.append(("training_step", self.global_step, self._current_fx_name))
        return None if batch[0][0, 0] > 5 else {"loss": loss, "extra": 3}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        self.seen.append(("module", batch_idx, self.layer.weight.grad is None))
        return -1 if self.current_epoch == 1 and batch_idx == 3 else None

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.seen.append(("gradient", self.layer.weight.grad is None))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
        return [optimizer], [{"scheduler": schedule, "interval": "step", "frequency": 2}]


def noted(name: str) -> Any:
    def hook(self: Callback, trainer: Trainer, module: Spied, *arguments: Any) -> None:
        values = [repr(each) for each in arguments if not isinstance(each, torch.optim.Optimizer)]
        counters = (trainer.global_step, trainer.fit_loop.epoch_loop._batches_that_stepped, module._current_fx_name)
        module.seen.append((name, *counters, *values))

    return hook


Spy = type("Spy", (Callback,), {name: noted(name) for name in (*lean_loop.HOOKS, "on_train_epoch_end", "on_train_end")})


@pytest.mark.filterwarnings("ignore::UserWarning")  # Lightning's of one worker, and of a step without a loss
def test_hooks_come_in_lightnings_order_with_its_counters(tmp_path: Path) -> None:
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    x[4, 0] = 9.0  # the loss of this batch is None
    told, metrics = [], []
    for lean in (False, True):
        torch.manual_seed(0)
        module = Spied()
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        quiet |= {"enable_model_summary": False, "accelerator": "cpu", "default_root_dir": tmp_path}
        trainer = Trainer(max_epochs=3, callbacks=[Spy()], gradient_clip_val=0.5, log_every_n_steps=1, **quiet)
        if lean:
            lean_loop.install(trainer)
        trainer.fit(module, DataLoader(TensorDataset(x), batch_size=2))
        told.append(module.seen)
        metrics.append({name: float(value) for name, value in trainer.callback_metrics.items()})
    assert told[1] == told[0] and len(told[0]) > 100
    assert metrics[1] == metrics[0]
