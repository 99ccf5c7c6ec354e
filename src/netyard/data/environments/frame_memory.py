"""The memory of a replay's frames: main memory, a device or a file, and whether it is large enough."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.errors import PlatformError

_BOOKKEEPING = 8 + 4 + 1 + 1 + 1  # bytes of a row besides its frame: action, reward, ending, played, age


def row_bytes(shape: tuple[int, ...], dtype: np.dtype[Any], prioritized: bool = False) -> int:
    """Bytes that one more row of a replay takes."""
    return int(np.prod(shape)) * dtype.itemsize + _BOOKKEEPING + 8 * prioritized


def available_memory() -> int:
    """Bytes of main memory that a program can allocate now."""
    try:
        # MemAvailable, not MemFree: the page cache is freed when a program needs its memory.
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 0.8)


def refuse_if_too_large(size: int, row: int, device: torch.device, file: str | None) -> None:
    """Raises:
    PlatformError: there is no room for ``size`` rows of ``row`` bytes each; the message says how many fit.
    """
    if file is not None:
        free, where = shutil.disk_usage(Path(file).expanduser().parent).free, "on the disk"
    elif device.type == "cuda":
        free, where = torch.cuda.mem_get_info(device)[0], "on the device"
    else:
        free, where = available_memory(), "in memory"
    # Now: zeros are only reserved when allocated, and the process would be killed hours later, when they are written.
    if size * row > free:
        raise PlatformError(
            f"a replay of {size:,} rows takes {size * row / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free {where};",
            f"{int(0.8 * free) // row:,} rows fit, with a fifth left for the rest;",
            f"try data.replay_size={int(0.8 * free) // row}.",
        )


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any], device: torch.device, file: str | None) -> Tensor:
    """Zeros on the device; with ``file`` they are in a file that is mapped into memory."""
    if file is not None:
        return torch.from_numpy(np.memmap(Path(file).expanduser(), dtype, "w+", shape=shape))
    frames = torch.from_numpy(np.zeros(shape, dtype))
    return frames if device.type == "cpu" else frames.to(device)
