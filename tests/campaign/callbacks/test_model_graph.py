"""The graph of each kind of network."""

from __future__ import annotations

import pytest

from support.network_graph import LAYERS, check_layers


@pytest.mark.parametrize("model", LAYERS)
def test_the_graph_shows_the_layers(train, model: str):
    small = ("callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64", "callbacks.episodes=null")
    check_layers(train, model, *small)
