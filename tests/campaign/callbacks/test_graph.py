"""The graph of each kind of network."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def events(path: Path) -> EventAccumulator:
    return EventAccumulator(str(path), size_guidance={"histograms": 0}).Reload()


LAYERS = {
    "mlp_tiny": "/Linear[",
    "vae_tiny": "/Linear[",
    "gan_tiny": "/BatchNorm1d[",
    "gru_tiny": "/GRU[",
    "dqn": "/Linear[",
}


@pytest.mark.parametrize("model", LAYERS)
def test_the_graph_shows_the_layers(train, model: str):
    few = ("trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1")
    small = ("callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64", "callbacks.episodes=null")
    ran = train(f"model={model}", "callbacks=[default,graph]", "trainer=cpu", "trainer.max_epochs=1", *few, *small)
    assert ran.code == 0, ran.err
    names = [node.name for node in events(ran.path).Graph().node]
    assert any(LAYERS[model] in name for name in names), names
    assert any(name.startswith("output") for name in names)
