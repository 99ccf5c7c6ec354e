"""Checks that the requested devices exist, and names them for logs and results."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from netyard.errors import PlatformError


def require_device(trainer: DictConfig) -> None:
    """Refuse a run whose devices are missing, instead of running on the CPU without a word.

    Raises:
        PlatformError: there is no such device, or fewer than asked for.
    """
    if trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise PlatformError(
            f"trainer.accelerator is {trainer.accelerator}, and there is no CUDA device;",
            "trainers without one: auto, cpu, ddp_cpu;",
            "try trainer=cpu.",
        )
    here = torch.cuda.device_count() if trainer.accelerator in ("gpu", "cuda", "auto") else 0
    wanted = trainer.devices  # a count, -1 or "auto" for all, or a list of indices
    lacking = wanted > here if isinstance(wanted, int) else any(int(each) >= here for each in _listed(wanted))
    # Without any GPU, "auto" falls back to the CPU, where Lightning checks the number of processes.
    if here and lacking:
        raise PlatformError(
            f"trainer.devices is {wanted}, and the number of CUDA devices here is {here};",
            "a run trains on devices of this machine, numbered from 0;",
            f"try trainer.devices={here}, or -1 for all of them.",
        )


def device_name(trainer: L.Trainer) -> str:
    """``cpu``, the name of the GPU, or ``2 x`` it."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{trainer.world_size} x {name}" if trainer.world_size > 1 else name


def _listed(devices: Any) -> list[int]:
    return list(devices) if OmegaConf.is_list(devices) else []
