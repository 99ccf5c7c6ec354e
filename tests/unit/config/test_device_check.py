"""A device that cannot be here is refused before torch is imported."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.config import device_check
from netyard.errors import ConfigError, PlatformError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """A Linux machine without a GPU, on which torch is not imported."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(device_check, "_TRACES", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setattr(device_check, "_DRIVER", str(tmp_path / "libcuda.so.1"))
    return monkeypatch


@pytest.mark.parametrize(
    ("accelerator", "platform", "said"),
    [
        ("gpu", "linux", "no CUDA device; .* try trainer=cpu."),
        ("cuda", "linux", "accelerator is cuda, .* try trainer=cpu."),
        ("gpu", "darwin", "try trainer=mps."),
        ("mps", "linux", "no GPU of Apple's; .* try trainer=auto."),
        ("tpu", "linux", "torch_xla, .* type pip install torch_xla, or try trainer=auto."),
    ],
)
def test_what_cannot_be_here_is_refused(machine: Any, accelerator: str, platform: str, said: str) -> None:
    machine.setattr(sys, "platform", platform)
    with pytest.raises(PlatformError, match=said):
        device_check.check({"accelerator": accelerator})


def test_a_kind_that_does_not_exist_is_a_mistake(machine: Any) -> None:
    with pytest.raises(ConfigError, match=r"accelerator is gpus; it is one of auto, cpu, gpu, .*try trainer=auto\."):
        device_check.check({"accelerator": "gpus"})


@pytest.mark.parametrize(
    ("overrides", "refused"),
    [
        (["model=mlp"], False),
        (["trainer=ddp"], True),
        (["trainer=gpu", "trainer.accelerator=cpu"], False),
        (["trainer.accelerator=mps"], True),
        (["trainer=cpu,gpu"], False),
        (["trainer=auto", "seed=1,2"], False),
    ],
)
def test_typed_words_are_looked_at_before_anything_is_composed(
    machine: Any, overrides: list[str], refused: bool
) -> None:
    with pytest.raises(PlatformError) if refused else contextlib.nullcontext():
        device_check.check_typed(overrides)


def test_what_may_be_here_is_left_to_torch(machine: Any, tmp_path: Path) -> None:
    device_check.check({"accelerator": "auto"})
    device_check.check({"accelerator": "cpu"})
    assert device_check.surely_no_cuda()
    machine.setattr(ctypes, "CDLL", lambda name: None)  # a driver that loads
    assert not device_check.surely_no_cuda()
    machine.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_check.surely_no_cuda()
    machine.undo()
    machine.setattr(device_check, "_TRACES", (str(tmp_path),))
    machine.setattr(sys, "platform", "linux")
    assert not device_check.surely_no_cuda()
    machine.setitem(sys.modules, "torch", torch)
    device_check.check({"accelerator": "mps"})
