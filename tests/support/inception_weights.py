"""A file of Inception's weights, which are random."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


def write_weights(folder: Path) -> Path:
    """Write random weights with the format and file name of torch-fidelity's weights."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    torch.manual_seed(0)
    bare = fidelity.FeatureExtractorInceptionV3.__new__(fidelity.FeatureExtractorInceptionV3)
    states: list[dict[str, torch.Tensor]] = []
    bare.load_state_dict = states.append  # the network is there before its weights are read
    torch.save({}, folder / "none.pth")
    bare.__init__("inception-v3-compat", ["2048"], str(folder / "none.pth"))
    path = folder / fidelity.URL_INCEPTION_V3.rpartition("/")[2]
    torch.save(torch.nn.Module.state_dict(bare), path)
    return path
