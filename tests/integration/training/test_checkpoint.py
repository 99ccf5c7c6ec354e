"""The checkpoint protocol: whole files, honest refusals, and a network rebuilt from its directory alone."""

from __future__ import annotations

import lightning as L
import pytest
import torch

from netyard.config.compose import compose
from netyard.data.tables.scikit import ScikitData
from netyard.errors import CheckpointError
from netyard.training import checkpoint

QUICK = ("model=mlp_tiny", "data=iris", "data.batch_size=40", "trainer=cpu", "logger=none")


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_a_run_is_rebuilt_from_its_directory_and_scores_the_same(train, data: str):
    ran = train(*QUICK, f"data={data}", "trainer.max_epochs=3")
    assert ran.code == 0, ran.err
    cfg, _ = compose([f"data={data}"])
    task = checkpoint.load(ran.path)
    assert not task.training
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    module = ScikitData(**{key: value for key, value in cfg.data.items() if key not in ("_target_", "augmentation")})
    trainer.test(task, module, verbose=False)
    wanted = {name: value for name, value in ran.json("results.json")["metrics"].items() if name.startswith("test/")}
    assert {name: float(value) for name, value in trainer.callback_metrics.items()} == wanted
    assert "test/loss" in wanted


def test_best_and_last_are_different_states_and_both_can_be_loaded(train):
    ran = train(*QUICK, "trainer.max_epochs=3", "task.monitor=val/loss", "task.mode=max")  # the first epoch is best
    best, last = (checkpoint.load(ran.path, which).net.state_dict() for which in ("best", "last"))
    assert ran.json("results.json")["objective"]["epoch"] == 0
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_the_weights_of_another_network_are_refused(train):
    ran = train(*QUICK, "trainer.max_epochs=1")
    task = checkpoint.load(ran.path)
    other = torch.nn.Module()
    other.net = torch.nn.Linear(2, 2)
    with pytest.raises(CheckpointError, match=r"does not fit the network: .*model=mlp_tiny trained on data=iris;"):
        checkpoint.restore(other, checkpoint.read(ran.path / "checkpoints" / "best.ckpt"))
    weight = next(iter(task.state_dict()))
    with pytest.raises(CheckpointError, match=f"size mismatch for {weight}"):
        checkpoint.restore(task, {"state_dict": {**task.state_dict(), weight: torch.ones(1, 1)}})
