"""The allowed values of each parameter of each class that a config may name. Imports no torch, except to write them.

For classes of netyard, and of an installed package that extends it, the annotations of the constructor say what is
allowed. ``python -m netyard.config.constraints`` copies netyard's into ``conf/constraints.json``, and the same command
with the name of a package copies the package's into its own ``conf/constraints.json``. Tests fail where a file and the
annotations differ. The constraints of libraries' classes are written in this file.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from netyard import plugins
from netyard.config import allowlist, renamed
from netyard.config.catalog import conf_dir
from netyard.errors import ConfigError, NetyardError
from netyard.io import atomic
from netyard.ranges import table
from netyard.ranges.bounds import (
    Count,
    Ge,
    Gt,
    Index,
    Le,
    NotNegative,
    Positive,
    Probability,
    Seed,
    ShareOrCount,
    Unit,
)
from netyard.ranges.constraint import Constraint, from_annotation
from netyard.ranges.signature import constraints, nodes

OURS = "netyard"

_LR = (Positive, 0.001)
_EPS = (Positive, 1e-8)
_DECAY = (NotNegative, 0.0001)
_BETAS = (tuple[Probability, Probability], [0.9, 0.999])
# Lightning reads 1.0 as "all batches", and 1 as "one batch": a share up to 1, or a whole number.
_LIMIT = (Annotated[float, Gt(0), ShareOrCount()] | None, 10)
# The moments are averages with these factors; at 1 they would stay at zero, and eps keeps the division finite.
_ADAM = {"lr": _LR, "betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "fused": bool | None}
# Lightning's own list; the numbers are there because YAML reads 16 as an int.
_PRECISIONS = Literal[
    "32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true", "transformer-engine",
    "transformer-engine-float16", "16", "bf16", "32", "64", 16, 32, 64,
]  # fmt: skip

# Those that start processes as netyard does: one a device, by the command of the run.
_STRATEGIES = Literal[
    "auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false", "fsdp",
]  # fmt: skip

# Annotations as in netyard's constructors, some with a value that messages propose. Parameters that are in no file of
# conf/ are here too, if users add them.
_OF_LIBRARIES: dict[str, dict[str, Any]] = {
    "lightning.Trainer": {
        "accelerator": str,
        "strategy": _STRATEGIES,
        # -1: all devices; a string such as "auto" or "0,2"; or a list of indices.
        "devices": (Count | Literal[-1] | str | list[Index], 1),
        "num_nodes": Count,
        "precision": _PRECISIONS,
        # Keys of netyard, which are not passed to the Trainer.
        "performance": Literal["auto", "safe", "max"],
        "test": bool,
        "schedule": Literal["stretch", "keep"] | None,
        # 0: no training; -1: no limit; auto: see run_length.
        "max_epochs": (Index | Literal[-1, "auto"] | None, 10),
        "max_steps": (Count | Literal[-1], 1000),
        "max_time": (str | dict[str, Any] | None, "12h"),
        "min_epochs": (Count | None, 1),
        "min_steps": (Count | None, 1),
        "gradient_clip_val": (Positive | None, 1.0),
        "gradient_clip_algorithm": Literal["norm", "value"] | None,
        "accumulate_grad_batches": Count,
        "limit_train_batches": _LIMIT,
        "limit_val_batches": _LIMIT,
        "limit_test_batches": _LIMIT,
        "fast_dev_run": (bool | Count, 2),
        "overfit_batches": (Annotated[float, Ge(0), ShareOrCount()], 3),
        "val_check_interval": (Annotated[float, Gt(0), ShareOrCount()] | None, 1.0),
        "check_val_every_n_epoch": Count | None,
        "log_every_n_steps": (Count | None, 50),
        # -1: all validation batches.
        "num_sanity_val_steps": (Annotated[int, Ge(-1)], 0),
        # "warn": nondeterministic CUDA operations only warn instead of raising.
        "deterministic": bool | Literal["warn"] | None,
        "profiler": Literal["simple", "advanced", "pytorch"] | None,
        "benchmark": bool | None,
        "detect_anomaly": bool,
        "inference_mode": bool,
        "sync_batchnorm": bool,
        "use_distributed_sampler": bool,
        "enable_progress_bar": bool | None,
        "enable_model_summary": bool | None,
        "enable_checkpointing": bool | None,
    },
    "torch.nn.HuberLoss": {"delta": (Positive, 1.0)},
    "torch.optim.Adadelta": {"lr": (Positive, 1.0), "rho": (Unit, 0.9), "eps": _EPS, "weight_decay": _DECAY},
    # torch documents beta2_decay as a negative exponent: beta2 of step t is 1 - t ** beta2_decay.
    "torch.optim.Adafactor": {
        "lr": (Positive, 0.01),
        "beta2_decay": (Annotated[float, Le(0)], -0.8),
        "d": (Annotated[float, Ge(1)], 1.0),
        "weight_decay": _DECAY,
    },
    "torch.optim.Adagrad": {
        "lr": (Positive, 0.01),
        "lr_decay": NotNegative,
        "initial_accumulator_value": NotNegative,
        "eps": _EPS,
        "weight_decay": _DECAY,
    },
    "torch.optim.Adam": _ADAM,
    "torch.optim.AdamW": _ADAM,
    "torch.optim.Adamax": _ADAM,
    "torch.optim.RAdam": _ADAM,
    "torch.optim.NAdam": _ADAM | {"momentum_decay": (NotNegative, 0.004)},
    "torch.optim.LBFGS": {
        "lr": (Positive, 0.3),
        "max_iter": (Count, 4),
        "history_size": (Count, 10),
        "line_search_fn": Literal["strong_wolfe"] | None,
    },
    "torch.optim.RMSprop": {
        "lr": _LR,
        "alpha": (Unit, 0.99),
        "eps": _EPS,
        "momentum": (Probability, 0.9),
        "centered": bool,
        "weight_decay": _DECAY,
    },
    "torch.optim.SGD": {
        "lr": (Positive, 0.1),
        "momentum": (Probability, 0.9),
        "dampening": NotNegative,
        "weight_decay": _DECAY,
        "nesterov": bool,
        "fused": bool | None,
    },
}
_OF_A_RUN: dict[str, Any] = {
    "seed": (Seed, 0),
    "threads": (Count | Literal["auto"], 2),
    "tags": list[str],
    "baselines": bool,
    "diagnostics": bool,
    "resume": str | None,
}
# What Hydra reads of a node besides its class.
_OF_A_NODE: dict[str, Any] = {
    "_target_": str,
    "_partial_": bool,
    "_recursive_": bool,
    "_convert_": Literal["none", "partial", "object", "all"],
    "_args_": list[Any],
}


def of(target: str) -> Mapping[str, Constraint]:
    """The constraints of a class or function by its dotted name, by parameter; empty if none are known."""
    target = renamed.target(target)
    if target in _OF_LIBRARIES:
        return _of_library(target)
    folder = _folder_of(target)
    return {} if folder is None else _of_class(target, folder)


def defaults_of(target: str) -> dict[str, Any]:
    """The default of each constructor parameter of a class by its dotted name; empty for classes of libraries."""
    # What this file says of libraries are values to propose, which are not always the defaults.
    known = {} if renamed.target(target) in _OF_LIBRARIES else of(target)
    return {name: constraint.default for name, constraint in known.items()}


@cache
def of_run_keys() -> dict[str, Constraint]:
    """The constraints of the keys outside of all groups, such as ``seed``."""
    return _read(_OF_A_RUN)


@cache
def of_node_keys() -> dict[str, Constraint]:
    """The constraints of the keys of a node that Hydra reads itself, such as ``_partial_``."""
    return _read(_OF_A_NODE)


def gather(package: str = OURS) -> dict[str, dict[str, Any]]:
    """The table for ``constraints.json``, from the annotations; imports every class of the package in its ``conf/``.

    Args:
        package: netyard, or an installed package that extends it, by the name of its entry point or as it is imported.

    Raises:
        ConfigError: no such package is installed, or a file of its ``conf/`` cannot be read.
    """
    folder, prefix = _folder_and_prefix(package)
    found: dict[str, dict[str, Any]] = {}
    for target in sorted(allowlist.targets_in(folder)):
        # A package says what its own classes allow, not what others' do. MODULE:ID is an environment of Gymnasium.
        if target.startswith(prefix) and ":" not in target:
            each = constraints(_imported(target)) | nodes(_imported(target))
            found |= {target: {name: constraint.to_plain() for name, constraint in each.items()}} if each else {}
    return found


def main(arguments: Sequence[str]) -> int:
    """Write ``constraints.json`` of netyard, or of the installed package that is named; returns the exit code."""
    package = arguments[0] if arguments else OURS
    allowlist.targets_in.cache_clear()  # a notebook has read conf/ before it was changed
    try:
        path = _folder_and_prefix(package)[0] / table.FILE
        found = gather(package)
    except NetyardError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    atomic.write_atomically(path, table.as_text(found))
    _table.cache_clear()
    _of_class.cache_clear()
    print(f"{path} has the ranges of {len(found)} classes and functions.")
    return 0


@cache
def _of_library(target: str) -> dict[str, Constraint]:
    return _read(_OF_LIBRARIES[target])


@cache
def _of_class(target: str, folder: Path) -> dict[str, Constraint]:
    # One class at a time: a run needs about ten of the hundreds.
    return {name: Constraint.from_plain(plain) for name, plain in _table(folder).get(target, {}).items()}


@cache
def _table(folder: Path) -> dict[str, dict[str, Any]]:
    return table.load(folder / table.FILE)


def _folder_of(target: str) -> Path | None:
    """The ``conf/`` of the package that a class is of; None for libraries, and for a package that is left out."""
    if target.startswith(f"{OURS}."):
        return conf_dir()
    # Only the package's own table is read, so that no package can change what another's classes allow.
    plugin = plugins.owner(target)
    return plugin.conf if plugin is not None and plugin in plugins.usable() else None


def _folder_and_prefix(package: str) -> tuple[Path, str]:
    """The ``conf/`` of a package, and what the dotted names of its classes begin with."""
    if package == OURS:
        return conf_dir(), f"{OURS}."
    plugin = next((each for each in plugins.installed() if package in (each.name, each.package)), None)
    if plugin is None:
        names = ", ".join([OURS, *(each.name for each in plugins.installed())])
        raise ConfigError(
            f"no package {package!r} that extends netyard is installed;",
            f"installed are {names};",
            f"try pip install -e {package}.",
        )
    # A broken constraints.json is no obstacle to writing it anew.
    fault = next(
        (each for each in plugins.faults() if each.name == plugin.name and table.FILE not in each.reason), None
    )
    if fault is not None:
        raise ConfigError(
            f"package {package} is broken: {fault.reason};", "its conf/ must be readable;", "correct the file."
        )
    return plugin.conf, f"{plugin.package}."


def _imported(target: str) -> Any:
    """The class or function of a dotted name, or a method of a class, as ``my_project.net.Net.small``."""
    module, attributes = target, list[str]()
    while True:
        module, _, name = module.rpartition(".")
        attributes.insert(0, name)
        try:
            found: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError as error:
            # Another missing module is an error of the package's own imports.
            if error.name != module or "." not in module:
                raise
    for name in attributes:
        found = getattr(found, name)
    return found


def _read(annotations: Mapping[str, Any]) -> dict[str, Constraint]:
    found = {}
    for name, value in annotations.items():
        annotation, example = value if isinstance(value, tuple) else (value, None)
        constraint = from_annotation(annotation, example)
        assert constraint is not None, name  # an annotation in this file that no config could hold
        found[name] = constraint
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
