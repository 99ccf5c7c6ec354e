"""Inception's features, by torch-fidelity's network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netyard.metrics.inception import Inception
from support.inception_weights import write_weights


def test_grey_and_colour_images_have_2048_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))  # not what was downloaded before
    network = Inception(write_weights(tmp_path).parent)
    grey = torch.rand(2, 1, 8, 8)
    features = network(grey)
    assert features.shape == (2, 2048) and features.isfinite().all()
    torch.testing.assert_close(network(grey.expand(-1, 3, -1, -1)), features)
    assert not torch.equal(network(1 - grey), features)
    assert not network.train().network.training, "batch norm keeps the statistics it was published with"
