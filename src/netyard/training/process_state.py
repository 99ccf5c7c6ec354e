"""Process-wide settings that a run changes, and how they are restored: a notebook trains twice in one process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import lightning as L
import torch

from netyard.io import run_log

# Lightning's seed_everything and ``run_settings`` leave these behind.
_VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "PYTORCH_NVML_BASED_CUDA_CHECK", "CUBLAS_WORKSPACE_CONFIG")


@contextlib.contextmanager
def restore_on_exit() -> Iterator[None]:
    """Afterwards torch's threads and flags, environment variables and the loggers of Lightning are as before.

    The random number generators are not: a run leaves them where it ended, as any code that draws does.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    flags = _flags()
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    grad = torch.is_grad_enabled()
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
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _flags() -> dict[tuple[Any, str], bool]:
    """Flags of torch's backends, as (owner, name) -> value."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    found = {(cudnn, name): getattr(cudnn, name) for name in ("benchmark", "deterministic")}
    with contextlib.suppress(RuntimeError):  # torch raises where fp32_precision was set instead of these flags
        found |= {(owner, "allow_tf32"): owner.allow_tf32 for owner in (cudnn, matmul)}
    return found


def run_settings(seed: int) -> None:
    """Seed all random number generators, and set the environment variables that a run needs."""
    L.seed_everything(seed, workers=True, verbose=False)
    if not torch.cuda.is_available():
        # Lightning makes torch query NVML for a GPU, and an optimizer queries at every step: without a GPU
        # that takes as long as the step of a small network.
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


def disable_memory_filling() -> None:
    """Deterministic algorithms without filling every fresh buffer, a third of a small ResNet's time.

    To be called after the Trainer is built, which asks torch for deterministic algorithms.
    """
    torch.utils.deterministic.fill_uninitialized_memory = False
