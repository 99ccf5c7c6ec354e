"""The graph of a network that a dashboard shows on request."""

from __future__ import annotations

import pytest

from netyard.tasks.classification import Classification
from support.network_graph import ONE_BATCH, check_layers


@pytest.mark.parametrize("model", ["vae_tiny", "gru_tiny"])
def test_the_graph_shows_the_layers(train, model: str):
    check_layers(train, model, "callbacks.scores=null", "callbacks.samples=null")


def test_a_network_that_cannot_be_followed_trains_all_the_same(train, monkeypatch: pytest.MonkeyPatch):
    def signature(task: Classification) -> None:
        task.eval()
        raise RuntimeError("it goes two ways\nat once")

    monkeypatch.setattr(Classification, "export_signature", signature)
    ran = train("model=cnn_tiny", "data=digits", "callbacks=[default,graph]", *ONE_BATCH)
    assert ran.code == 0
    assert "no graph of the network: it goes two ways\n" in ran.err
    assert ran.json("status.json")["state"] == "completed"
