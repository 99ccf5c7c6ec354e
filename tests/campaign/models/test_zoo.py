"""Large networks of timm that need more pixels than a digit has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

Build = Callable[..., nn.Module]


@pytest.mark.parametrize(
    ("architecture", "size"),
    [
        ("inception_v4", 96),
        ("inception_resnet_v2", 96),
    ],
)
def test_any_timm_network_finds_a_size_it_can_take(build: Build, architecture: str, size: int) -> None:
    with torch.device("meta"):
        net = build("timm", architecture=architecture)
        assert net.resize.size == size
        assert net.train()(torch.empty(2, 1, 8, 8)).shape == (2, 10)
