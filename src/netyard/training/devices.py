"""Check that the requested devices exist, and return their names for logs and results."""

from __future__ import annotations

import os
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from netyard.config import device_check
from netyard.errors import PlatformError


def require_device(trainer: DictConfig) -> None:
    """Refuse a run whose devices are missing: it must not train on the CPU instead without saying so.

    Raises:
        PlatformError: there is no such device, or there are fewer than requested.
    """
    if trainer.accelerator in device_check.CUDA and not torch.cuda.is_available():
        raise device_check.no_cuda(trainer.accelerator)
    if trainer.accelerator == "mps" and not torch.backends.mps.is_available():
        raise device_check.no_mps()
    processes = trainer.devices
    if trainer.accelerator == "cpu" and isinstance(processes, int) and processes > (most := _most_processes()):
        raise PlatformError(
            f"trainer.devices is {processes}, and the number of CPU cores here is {os.cpu_count()};",
            f"on the CPU it is a number of processes, of which {most} are started at most;",
            f"try trainer.devices={min(2, most)}.",
        )
    # For accelerator=cpu, ``devices`` counts processes, and no GPU is needed.
    available = torch.cuda.device_count() if trainer.accelerator in (*device_check.CUDA, "auto") else 0
    wanted = trainer.devices  # a count, -1 or "auto" for all, or a list of indices
    missing = wanted > available if isinstance(wanted, int) else any(int(each) >= available for each in _list(wanted))
    # Without any GPU, "auto" falls back to the CPU, where Lightning checks the number of processes.
    if available and missing:
        raise PlatformError(
            f"trainer.devices is {wanted}, and the number of CUDA devices here is {available};",
            "a run trains on devices of this machine, numbered from 0;",
            f"try trainer.devices={available}, or -1 for all of them.",
        )


def _most_processes() -> int:
    """Two for each core: more only wait for each other, and hundreds take all the memory."""
    return max(8, 2 * (os.cpu_count() or 1))


def device_name(trainer: L.Trainer) -> str:
    """Return ``cpu``, the name of the GPU, or for several devices ``2 x NAME``."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}" if trainer.world_size > 1 else name


def _list(devices: Any) -> list[int]:
    return list(devices) if OmegaConf.is_list(devices) else []
