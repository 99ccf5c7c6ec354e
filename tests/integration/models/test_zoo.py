"""Networks of timm that need more pixels than a digit has."""

from __future__ import annotations

import pytest

from support.timm_networks import check_size


@pytest.mark.parametrize(
    ("architecture", "size"),
    [("convnext_atto", 32), ("swin_tiny_patch4_window7_224", 32)],
)
def test_any_timm_network_finds_a_size_it_can_take(build, architecture: str, size: int) -> None:
    check_size(build, architecture, size)
