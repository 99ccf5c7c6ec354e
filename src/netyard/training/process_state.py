"""Process-wide settings that a run changes, and their restoration: a notebook may train twice in one process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import lightning as L
import torch

from netyard.io import run_log

# Set by Lightning and by ``run_settings``; nothing else unsets them.
_VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "PYTORCH_NVML_BASED_CUDA_CHECK", "CUBLAS_WORKSPACE_CONFIG")


@contextlib.contextmanager
def restore_on_exit() -> Iterator[None]:
    """Restore torch's threads and flags, environment variables and Lightning's loggers when the block ends.

    Random number generators are not restored: code that draws random numbers advances them, and a run is such code.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    # Read before anything of a run: all of it is process-wide, so a second run would start with the first one's.
    fill = torch.utils.deterministic.fill_uninitialized_memory
    flags = _flags()
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    grad = torch.is_grad_enabled()  # Lightning's fit loop enables gradients, which the caller may have disabled
    try:
        with run_log.redirect_loggers("lightning"):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.utils.deterministic.fill_uninitialized_memory = fill
        for (owner, flag), setting in flags.items():
            setattr(owner, flag, setting)
        torch.set_grad_enabled(grad)
        for name, value in variables.items():
            # A variable that was not set must be removed: Lightning reads an empty seed as an invalid number.
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _flags() -> dict[tuple[Any, str], bool]:
    """Return flags of torch's backends, as (owner, name) -> value."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    found = {(cudnn, name): getattr(cudnn, name) for name in ("benchmark", "deterministic")}
    with contextlib.suppress(RuntimeError):  # torch raises where fp32_precision was set instead of these flags
        found |= {(owner, "allow_tf32"): owner.allow_tf32 for owner in (cudnn, matmul)}
    return found


def run_settings(seed: int) -> None:
    """Seed all random number generators, and set the environment variables that a run needs."""
    # workers=True: Lightning seeds NumPy and random in each data loader worker, where they would all be equal.
    L.seed_everything(seed, workers=True, verbose=False)
    if not torch.cuda.is_available():
        # Lightning sets this to 1, so that torch queries NVML for a GPU. An optimizer asks at every step whether
        # there is one: without a GPU this takes as long as the step of a small network.
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


def disable_memory_filling() -> None:
    """Keep deterministic algorithms, but do not fill each new buffer: that is a third of a small ResNet's time."""
    # Filling with NaN only serves to make reads of uninitialised memory visible; no layer here does such a read.
    torch.utils.deterministic.fill_uninitialized_memory = False
