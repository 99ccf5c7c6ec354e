"""The arguments of Lightning's Trainer that a run does not take, and settings of it that exclude each other.

Imports no torch, so that a mistake is reported within a second.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from netyard.errors import ConfigError
from netyard.io.readable import listed
from netyard.ranges.constraint import written

REFUSED = {
    "callbacks": ("callbacks are a group of their own", "callbacks=[default,early_stopping]"),
    "logger": ("loggers are a group of their own", "logger=csv, or logger=none"),
    "default_root_dir": ("a run writes into one directory", "hydra.run.dir=DIR"),
    "plugins": (
        "precision and strategy have keys of their own",
        "trainer.precision=bf16-mixed, or trainer.strategy=ddp",
    ),
    "barebones": ("a run needs its checkpoints and scores", "logger=none trainer.performance=max"),
    "limit_predict_batches": ("predict is a command of its own", "netyard predict RUN_DIR input=FILE"),
    "reload_dataloaders_every_n_epochs": (
        "every epoch is shuffled and augmented anew without it",
        "the command without it",
    ),
    "enable_autolog_hparams": ("every config is recorded", "logger=none"),
    "model_registry": ("it belongs to a service of Lightning", "logger=mlflow"),
    "weights_save_path": ("a run writes into one directory", "hydra.run.dir=DIR"),
    "resume_from_checkpoint": ("a run is resumed by its directory", "resume=RUN_DIR"),
    "gpus": ("devices are counted by trainer.devices", "trainer=gpu trainer.devices=2"),
    "auto_lr_find": ("it is a debug option", "debug=lr_finder"),
    "auto_scale_batch_size": ("it is a debug option", "debug=batch_size"),
    "track_grad_norm": ("norms are logged by a callback", "callbacks.curves.norms_every_n_steps=50"),
    "progress_bar_refresh_rate": ("the bar is drawn four times a second", "trainer.enable_progress_bar=false"),
    "terminate_on_nan": ("callbacks.finite ends such a run", "callbacks.finite.every_n_steps=1"),
    "stochastic_weight_avg": ("averages of weights are a callback", "callbacks=[default,ema]"),
}
"""Arguments of this or of earlier versions of Lightning: what does the same here, and what to type."""

# DD:HH:MM:SS, as Lightning; D-HH:MM:SS, as Slurm.
_DAYS = re.compile(r"(?:(?:(\d+)[:-])?(\d{1,2}):)?(\d{1,2}):(\d{1,2})")
_UNITS = re.compile(r"(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m(?:in)?)?(?:([\d.]+)s)?")  # 1d, 1.5h, 1h 30m, 90s
_WITHOUT = {  # what to type for a run without a stage
    "trainer.limit_train_batches": "trainer.max_epochs=0, which tests the network as it is",
    "trainer.limit_val_batches": "data.val_fraction=0, which trains without validation",
    "trainer.limit_test_batches": "trainer.test=false, which trains without the test",
}
_SECONDS = (86400, 3600, 60, 1)
_NAMES = ("days", "hours", "minutes", "seconds")


def refused(key: str) -> ConfigError | None:
    """The error for a key of ``trainer`` that does not exist here, but does in Lightning; None for any other."""
    group, _, name = key.partition(".")
    if group != "trainer" or name not in REFUSED:
        return None
    reason, instead = REFUSED[name]
    return ConfigError(f"there is no key '{key}';", f"{reason};", f"try {instead}.")


def of_no_batches(key: str, value: Any) -> ConfigError | None:
    """The error for a stage of no batches: what leaves the stage out."""
    if key not in _WITHOUT or value != 0 or isinstance(value, bool):
        return None
    allowed = "it is a number of batches, or a share of them, above 0;"
    return ConfigError(f"{key} is {written(value)};", allowed, f"try {_WITHOUT[key]}.")


def seconds(duration: Any) -> float | None:
    """Seconds of a ``trainer.max_time``: ``DD:HH:MM:SS``, ``12h``, or ``{hours: 12}``; None for another form, or 0."""
    if isinstance(duration, Mapping):
        values = [duration.get(name, 0) for name in _NAMES]
        if {*duration} - {*_NAMES} or not all(isinstance(value, int | float) and value >= 0 for value in values):
            return None
        return sum(value * unit for value, unit in zip(values, _SECONDS, strict=True)) or None
    text = str(duration).lower().replace(" ", "")
    # Minutes and seconds alone would be hours and minutes to others.
    found = (_DAYS.fullmatch(text) if text.count(":") >= 2 else None) or _UNITS.fullmatch(text)
    if found is None:
        return None
    try:
        return sum(float(value or 0) * unit for value, unit in zip(found.groups(), _SECONDS, strict=True)) or None
    except ValueError:  # two points in one number
        return None


def faults(config: Mapping[str, Any], known: Collection[str]) -> Iterator[ConfigError]:
    """Yield an error for each setting of ``trainer`` that is not possible, or not beside another.

    Args:
        config: a resolved config.
        known: the arguments that the Trainer takes; empty for a class that is not Lightning's.
    """
    trainer = config["trainer"]
    for name in trainer:
        if fault := refused(f"trainer.{name}"):
            yield fault
        if known and name not in known and not name.startswith("_"):
            meant = get_close_matches(name, known, 1, 0.7)
            yield ConfigError(
                f"there is no key 'trainer.{name}';",
                f"did you mean '{meant[0]}'?" if meant else f"trainer has {listed(sorted(known), 50)};",
                f"try trainer.{meant[0]}={written(trainer[name])}."
                if meant
                else f"take trainer.{name} out of the command.",
            )
    given = {"max_epochs": None, "max_steps": -1, **trainer}
    for key, value, allowed, instead in _unusable(given):
        yield ConfigError(f"trainer.{key} is {written(value)};", f"{allowed};", f"try {instead}.")
    if given["max_epochs"] is None and given["max_steps"] == -1 and given.get("max_time") is None:
        yield ConfigError(
            "trainer.max_epochs is null, and neither trainer.max_steps nor trainer.max_time is set;",
            "a run needs an end;",
            "try trainer.max_epochs=10, or -1 to train until it is stopped.",
        )
    yield from _wrong_order(given)
    if given.get("accumulate_grad_batches", 1) > 1 and config["optimizer"].get("_target_") == "torch.optim.LBFGS":
        yield ConfigError(
            f"trainer.accumulate_grad_batches is {given['accumulate_grad_batches']}, and the optimizer is L-BFGS;",
            "it evaluates the loss several times in a step, of one batch;",
            "try a larger data.batch_size, or optimizer=adam.",
        )


def _unusable(given: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, str]]:
    """Yield ``(key, value, what is allowed, what to type)`` for each value that no run can have."""
    if given.get("max_time") is not None and seconds(given["max_time"]) is None:
        allowed = "it is a duration above 0: DD:HH:MM:SS, or a number with d, h, m or s"
        yield "max_time", given["max_time"], allowed, "trainer.max_time=00:01:30:00, or trainer.max_time=90m"
    if given.get("enable_checkpointing") is False:
        allowed = "a run is tested with its best checkpoint, and resumed from its last one"
        yield "enable_checkpointing", False, allowed, "callbacks.checkpoint.keep=1, which keeps two at most"
    if given.get("use_distributed_sampler"):
        allowed = "netyard's loaders split each batch among the devices themselves"
        yield "use_distributed_sampler", True, allowed, "trainer.use_distributed_sampler=false"
    on_cpu = given.get("accelerator") == "cpu"
    if given.get("sync_batchnorm") and on_cpu:
        yield "sync_batchnorm", True, "statistics are shared among GPUs only", "trainer.sync_batchnorm=false"
    if on_cpu and str(given.get("precision")) in ("16-true", "transformer-engine", "transformer-engine-float16"):
        allowed = "on the CPU it is 32-true, 64-true, bf16-mixed or bf16-true"
        yield "precision", given["precision"], allowed, "trainer.precision=bf16-mixed"
    interval = given.get("val_check_interval")
    if given.get("check_val_every_n_epoch", 1) is None and not (isinstance(interval, int) and interval >= 1):
        allowed = "without it validation follows trainer.val_check_interval, a number of batches across epochs"
        yield "check_val_every_n_epoch", None, allowed, "trainer.val_check_interval=1000 beside it"


def _wrong_order(given: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield an error for a minimum above its maximum."""
    for what in ("epochs", "steps"):
        least, most = given.get(f"min_{what}"), given.get(f"max_{what}")
        if least is not None and most is not None and 0 < most < least:
            yield ConfigError(
                f"trainer.min_{what} is {least}, and trainer.max_{what} is {most};",
                "the least is not above the most;",
                f"try trainer.max_{what}={least}.",
            )
