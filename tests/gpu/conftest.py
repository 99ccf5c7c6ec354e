"""These tests need a CUDA device, and are skipped where there is none."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def a_cuda_device() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
