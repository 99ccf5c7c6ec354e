"""A device that is asked for and is not there is refused; a run never falls back to the CPU in silence."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netyard.errors import PlatformError
from netyard.training.devices import require_device


class Devices(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


@pytest.mark.parametrize(("devices", "fine"), [(1, True), (2, True), (-1, True), (3, False), ("auto", True)])
def test_too_many_devices_are_refused(monkeypatch: pytest.MonkeyPatch, devices: Any, fine: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    trainer: Any = Devices(accelerator="gpu", devices=devices)
    if fine:
        require_device(trainer)
        return
    with pytest.raises(PlatformError, match=r"trainer\.devices is 3, and the number of CUDA devices here is 2; .*=2"):
        require_device(trainer)


def test_a_gpu_is_not_replaced_by_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trainer: Any = Devices(accelerator="gpu", devices=1)
    with pytest.raises(PlatformError, match=r"accelerator is gpu, and there is no CUDA device; .*try trainer=cpu"):
        require_device(trainer)


def test_the_gpu_of_a_mac_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer: Any = Devices(accelerator="mps", devices=1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    require_device(trainer)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(PlatformError, match=r"accelerator is mps, and there is no GPU of Apple's; .*try trainer=auto"):
        require_device(trainer)
