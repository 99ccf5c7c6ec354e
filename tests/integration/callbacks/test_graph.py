"""What a dashboard shows on request, histograms and the graph: true, and without a trace in the run itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.tasks.classification import Classification

RUN = (
    "model=cnn_tiny",
    "data=digits",
    "data.batch_size=64",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "model.dropout=0.3",
    "trainer.limit_train_batches=3",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
)


def events(path: Path) -> EventAccumulator:
    return EventAccumulator(str(path), size_guidance={"histograms": 0}).Reload()


LAYERS = {
    "vae_tiny": "/Linear[",
    "gru_tiny": "/GRU[",
}


@pytest.mark.parametrize("model", LAYERS)
def test_the_graph_shows_the_layers(train, model: str):
    few = ("trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1")
    small = ("callbacks.scores=null", "callbacks.samples=null")
    ran = train(f"model={model}", "callbacks=[default,graph]", "trainer=cpu", "trainer.max_epochs=1", *few, *small)
    assert ran.code == 0, ran.err
    names = [node.name for node in events(ran.path).Graph().node]
    assert any(LAYERS[model] in name for name in names), names
    assert any(name.startswith("output") for name in names)


def test_a_network_that_cannot_be_followed_trains_all_the_same(train, monkeypatch: pytest.MonkeyPatch):
    def served(task: Classification) -> None:
        task.eval()
        raise RuntimeError("it goes two ways\nat once")

    monkeypatch.setattr(Classification, "served", served)
    ran = train(*RUN, "callbacks=[default,graph]")
    assert ran.code == 0
    assert "no graph of the network: it goes two ways\n" in ran.err
    assert ran.json("status.json")["state"] == "completed"
