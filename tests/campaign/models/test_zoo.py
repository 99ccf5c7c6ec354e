"""Large networks of timm that need more pixels than a digit has."""

from __future__ import annotations

import pytest

from support.timm_networks import check_size


@pytest.mark.parametrize(
    ("architecture", "size"), [("inception_v4", 96), ("inception_resnet_v2", 96), ("efficientformer_l1", 224)]
)
def test_any_timm_network_finds_a_size_it_can_take(build, architecture: str, size: int) -> None:
    check_size(build, architecture, size)
