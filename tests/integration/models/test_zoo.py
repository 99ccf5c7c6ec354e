"""What the zoo adds to the libraries' networks: small images, auxiliary heads, freezing, refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

Build = Callable[..., nn.Module]


@pytest.mark.parametrize(
    ("architecture", "size"),
    [
        ("convnext_atto", 32),
        ("swin_tiny_patch4_window7_224", 32),
        ("efficientformer_l1", 224),
    ],
)
def test_any_timm_network_finds_a_size_it_can_take(build: Build, architecture: str, size: int) -> None:
    with torch.device("meta"):
        net = build("timm", architecture=architecture)
        assert net.resize.size == size
        assert net.train()(torch.empty(2, 1, 8, 8)).shape == (2, 10)
