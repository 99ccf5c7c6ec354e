"""The config group ``trainer`` as arguments of Lightning's Trainer, and as callbacks that stand for some of them."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from netyard.callbacks.accumulation import LastAccumulation
from netyard.callbacks.cut_epoch import CutEpoch
from netyard.callbacks.run_limits import EpochsFirst, Minimum, TimeLimit
from netyard.config import trainer_keys
from netyard.errors import ConfigError, NumericalError
from netyard.io.readable import short_path
from netyard.run_directories.directory import RunDir

OWN_KEYS = ("performance", "test", "schedule", "max_time")
"""Keys of the group that Lightning is not given."""
PROFILERS: Mapping[str, type[Profiler]] = {
    "simple": SimpleProfiler,
    "advanced": AdvancedProfiler,
    "pytorch": PyTorchProfiler,
}
_ONE_RUN = {"max_epochs": 1, "val_check_interval": 1.0, "check_val_every_n_epoch": 1, "num_sanity_val_steps": 0}

log = logging.getLogger(__name__)


def arguments(node: Mapping[str, Any], run_dir: RunDir) -> dict[str, Any]:
    """Return the arguments of the Trainer for a resolved ``trainer`` config, ``_target_`` included."""
    settings = {key: value for key, value in node.items() if key not in OWN_KEYS}
    # The bar is netyard's own (callbacks.progress), which reads this key itself.
    settings["enable_progress_bar"] = False
    # Lightning's own would switch off loggers and checkpoints, with which a run fails too.
    if batches := int(settings.pop("fast_dev_run", False)):
        settings |= {**_ONE_RUN, "max_steps": -1, "overfit_batches": 0.0}
        settings |= {f"limit_{stage}_batches": batches for stage in ("train", "val", "test")}
    if settings.get("max_epochs") is None:
        settings["max_epochs"] = -1  # Lightning would train for 1,000 epochs
    if kind := PROFILERS.get(str(settings.get("profiler"))):
        # Without a directory the files are written where the run was started, or into the log.
        settings["profiler"] = kind(dirpath=str(run_dir.path), filename="profile")
    return settings


def validate_whole(trainer: L.Trainer) -> None:
    """Let a run that overfits a share of the training batches validate on all: the same share may be less than one."""
    if isinstance(trainer.overfit_batches, float) and trainer.overfit_batches > 0:
        trainer.limit_val_batches = 1.0


def callbacks(node: Mapping[str, Any], own: list[L.Callback]) -> list[L.Callback]:
    """Return a run's callbacks with those that arguments of the Trainer stand for, in the order they are called."""
    first: list[L.Callback] = [CutEpoch()]
    if node["accumulate_grad_batches"] > 1:
        first.append(LastAccumulation())
    limit = trainer_keys.seconds(node["max_time"]) if node.get("max_time") is not None else None
    last: list[L.Callback] = [TimeLimit(limit)] if limit is not None else []
    if node["max_steps"] > 0 and (node["max_epochs"] or -1) > 0:
        last.append(EpochsFirst())
    if node.get("min_epochs") or node.get("min_steps"):
        last.append(Minimum())
    return [*first, *own, *last]


def time_limit(trainer: L.Trainer) -> TimeLimit | None:
    """Return the time limit that has ended the run before its epochs or steps did, if one has."""
    found = (each for each in trainer.callbacks if isinstance(each, TimeLimit))
    return next((each for each in found if each.reached), None)


def require_precision(node: Mapping[str, Any], resumed: bool) -> None:
    """Refuse float16 on the CPU, for which Lightning takes bfloat16; a run that is resumed there says so.

    Raises:
        ConfigError: a new run has a precision that its device does not have.
    """
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    on_cpu = node["accelerator"] == "cpu" or (node["accelerator"] == "auto" and not gpu)
    if not on_cpu or str(node["precision"]) not in ("16-mixed", "16"):
        return
    if resumed:
        log.warning("on the CPU trainer.precision=%s is bf16-mixed: autocast to float16 needs a GPU", node["precision"])
        return
    raise ConfigError(
        f"trainer.precision is {node['precision']}, and the device is the CPU;",
        "there it is 32-true, 64-true, bf16-mixed or bf16-true, as autocast to float16 needs a GPU;",
        "try trainer.precision=bf16-mixed.",
    )


@contextlib.contextmanager
def explained(node: Mapping[str, Any]) -> Iterator[None]:
    """Inside, errors of Lightning and torch about these arguments become messages for the user.

    Raises:
        ConfigError: there are fewer batches than a setting asks for.
        NumericalError: ``detect_anomaly`` found a gradient that is NaN.
    """
    try:
        yield
    except RuntimeError as error:
        found = re.search(r"Function '?(\w+?)'? returned nan values", str(error))
        if not node.get("detect_anomaly") or found is None:
            raise
        raise NumericalError(
            f"the gradient of {found[1].removesuffix('0')} is NaN (trainer.detect_anomaly);",
            "training continues only while gradients are finite numbers;",
            "try a smaller optimizer.lr, or trainer.gradient_clip_val=1; the traceback is in train.log.",
        ) from error
    except ValueError as error:
        found = re.search(r"`val_check_interval` \((\d+)\).*training batches \((\d+)\)", str(error))
        if found is not None:
            raise ConfigError(
                f"trainer.val_check_interval is {found[1]}, and an epoch has {found[2]} batches;",
                "a number of batches within an epoch, or across epochs with trainer.check_val_every_n_epoch=null;",
                f"try trainer.val_check_interval={found[2]}, or trainer.check_val_every_n_epoch=null beside it.",
            ) from error
        raise


def log_profiles(trainer: L.Trainer, folder: Path) -> None:
    """Log where a profiler of Lightning's has written."""
    if isinstance(trainer.profiler, tuple(PROFILERS.values())) and trainer.is_global_zero:
        files = sorted(
            {*folder.glob("*profile*.txt"), *folder.glob("*.pt.trace.json"), *folder.glob("*-profile-*.json")}
        )
        log.info("profile     %s", ", ".join(short_path(path) for path in files) or short_path(folder))
