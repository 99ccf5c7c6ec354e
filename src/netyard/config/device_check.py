"""Refuse a device that this machine does not have, before torch is imported, where that can be seen without it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netyard.config import catalog
from netyard.config.overrides import value_of
from netyard.errors import ConfigError, PlatformError
from netyard.io.packages import is_installed

CUDA = ("gpu", "cuda")
_KINDS = ("auto", "cpu", *CUDA, "mps", "tpu")
_DRIVER = "libcuda.so.1"
# What the kernel has for a GPU: NVIDIA's driver, also in a container and on a Jetson, WSL's, AMD's.
_TRACES = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/nvhost-ctrl-gpu", "/dev/dxg", "/dev/kfd")


def check(trainer: Mapping[str, Any]) -> None:
    """Refuse an accelerator that is surely missing; whether one that may be there works, only torch can say.

    Raises:
        ConfigError: there is no such kind of device.
        PlatformError: there is no such device.
    """
    if (accelerator := trainer.get("accelerator")) is None:
        return
    if accelerator not in _KINDS:
        raise ConfigError(
            f"trainer.accelerator is {accelerator};",
            f"it is one of {', '.join(_KINDS)};",
            "try trainer=auto.",
        )
    if accelerator == "tpu" and not is_installed("torch_xla"):
        raise PlatformError(
            "trainer.accelerator is tpu, and torch_xla, which runs torch on TPUs, is not installed;",
            "netyard was never run on one;",
            "type pip install torch_xla, or try trainer=auto.",
        )
    if "torch" in sys.modules:
        return  # ``training.devices`` asks it
    if accelerator in CUDA and surely_no_cuda():
        raise no_cuda(accelerator)
    if accelerator == "mps" and sys.platform != "darwin":
        raise no_mps()


def check_typed(overrides: Sequence[str]) -> None:
    """The same for overrides of a config that is not composed yet: ``trainer=gpu``, ``trainer.accelerator=mps``.

    Raises:
        PlatformError: see ``check``.
    """
    option = value_of(overrides, "trainer")
    known = catalog.option_file("trainer", option) if option in catalog.options("trainer") else {}
    check({"accelerator": value_of(overrides, "trainer.accelerator") or known.get("accelerator")})


def surely_no_cuda() -> bool:
    """Whether no CUDA device can be here: torch finds one through a driver, and only if it is visible."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1") or sys.platform == "darwin":
        return True
    if sys.platform != "linux" or any(Path(each).exists() for each in _TRACES):
        return False
    try:
        ctypes.CDLL(_DRIVER)  # loaded, not initialised: a process that has initialised CUDA cannot fork
    except OSError:
        return True
    return False


def no_cuda(accelerator: str) -> PlatformError:
    return PlatformError(
        f"trainer.accelerator is {accelerator}, and there is no CUDA device;",
        "trainers without one: auto, cpu, ddp_cpu, and mps on a Mac;",
        f"try trainer={'mps' if sys.platform == 'darwin' else 'cpu'}.",
    )


def no_mps() -> PlatformError:
    return PlatformError(
        "trainer.accelerator is mps, and there is no GPU of Apple's;",
        "it needs a Mac with Apple silicon, and a torch that was built for it;",
        "try trainer=auto.",
    )
