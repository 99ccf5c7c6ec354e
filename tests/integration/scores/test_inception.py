"""Inception's features: the file of weights is found, fetched and checked; the network is torch-fidelity's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netyard.scores.inception import Inception


@pytest.fixture(autouse=True)
def no_downloads_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the form that torch-fidelity publishes its own in."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    folder = tmp_path_factory.mktemp("inception")
    torch.manual_seed(0)
    bare = fidelity.FeatureExtractorInceptionV3.__new__(fidelity.FeatureExtractorInceptionV3)
    states: list[dict[str, torch.Tensor]] = []
    bare.load_state_dict = states.append  # the network is there before its weights are read
    torch.save({}, folder / "none.pth")
    bare.__init__("inception-v3-compat", ["2048"], str(folder / "none.pth"))
    path = folder / fidelity.URL_INCEPTION_V3.rpartition("/")[2]
    torch.save(torch.nn.Module.state_dict(bare), path)
    return path


def test_features_are_2048_numbers_of_grey_and_colour(weights: Path) -> None:
    network = Inception(weights.parent)
    grey = torch.rand(2, 1, 8, 8)
    features = network(grey)
    assert features.shape == (2, 2048) and features.isfinite().all()
    torch.testing.assert_close(network(grey.expand(-1, 3, -1, -1)), features)
    assert not torch.equal(network(1 - grey), features)
    assert not network.train().network.training, "batch norm keeps the statistics it was published with"
