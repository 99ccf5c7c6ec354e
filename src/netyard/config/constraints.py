"""What each parameter of each class that a config may name can be, without importing torch.

Of netyard's own classes the constraints stand in their annotations, and ``python -m netyard.config.constraints`` copies
them into ``conf/constraints.json``; a test fails when the two differ. Of libraries' they stand here.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from netyard.config import allowlist, renamed
from netyard.config.catalog import conf_dir
from netyard.io import atomic
from netyard.ranges.bounds import (
    Count,
    Ge,
    Gt,
    Index,
    Le,
    NotNegative,
    Part,
    Positive,
    Probability,
    Seed,
    ShareOrCount,
    Unit,
)
from netyard.ranges.constraint import Constraint, from_annotation
from netyard.ranges.signature import constraints

FILE = "constraints.json"

_LR = (Positive, 0.001)
_EPS = (Positive, 1e-8)
_DECAY = (NotNegative, 0.0001)
_BETAS = (tuple[Probability, Probability], [0.9, 0.999])
_LIMIT = (Annotated[float, Gt(0), ShareOrCount()] | None, 10)
_ADAM = {"lr": _LR, "betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "fused": bool | None}
_PRECISIONS = Literal[
    "32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true", "transformer-engine",
    "transformer-engine-float16", "16", "bf16", "32", "64", 16, 32, 64,
]  # fmt: skip

# Annotations as in a constructor of ours, some with a value to propose. Parameters that stand in no file of conf/ are
# here too where users add them.
_OF_LIBRARIES: dict[str, dict[str, Any]] = {
    "lightning.Trainer": {
        "accelerator": str,
        "strategy": str,
        "devices": (Count | Literal[-1] | str | list[Index], 1),
        "num_nodes": Count,
        "precision": _PRECISIONS,
        "performance": Literal["auto", "safe", "max"],  # netyard's own, which never reaches the Trainer
        "max_epochs": (Count | Literal[-1] | None, 10),
        "max_steps": (Count | Literal[-1] | None, 1000),
        "min_epochs": (Count | None, 1),
        "min_steps": (Count | None, 1),
        "gradient_clip_val": (Positive | None, 1.0),
        "accumulate_grad_batches": Count,
        "limit_train_batches": _LIMIT,
        "limit_val_batches": _LIMIT,
        "limit_test_batches": _LIMIT,
        "overfit_batches": (Annotated[float, Ge(0), ShareOrCount()], 3),
        "val_check_interval": (Annotated[float, Gt(0), ShareOrCount()] | None, 1.0),
        "check_val_every_n_epoch": Count | None,
        "log_every_n_steps": (Count | None, 50),
        "num_sanity_val_steps": (Annotated[int, Ge(-1)], 0),
        "deterministic": bool | Literal["warn"] | None,
        "profiler": Literal["simple", "advanced", "pytorch", "xla"] | None,
        "benchmark": bool | None,
        "detect_anomaly": bool,
        "use_distributed_sampler": bool,
        "enable_progress_bar": bool | None,
        "enable_model_summary": bool | None,
        "enable_checkpointing": bool | None,
    },
    "lightning.pytorch.callbacks.EarlyStopping": {
        "monitor": str,
        "mode": Literal["min", "max"],
        "patience": (Index, 10),
        "min_delta": NotNegative,
        "check_finite": bool,
    },
    "lightning.pytorch.callbacks.EMAWeightAveraging": {"decay": (Part, 0.99)},
    "lightning.pytorch.loggers.TensorBoardLogger": {
        "name": str | None,
        "version": str | int | None,
        "default_hp_metric": bool,
        "log_graph": bool,
    },
    "torch.nn.CrossEntropyLoss": {"label_smoothing": (Probability, 0.1)},
    "torch.nn.HuberLoss": {"delta": (Positive, 1.0)},
    "torch.nn.MultiMarginLoss": {"p": Literal[1, 2], "margin": (Positive, 1.0)},
    "torch.optim.Adadelta": {"lr": (Positive, 1.0), "rho": (Unit, 0.9), "eps": _EPS, "weight_decay": _DECAY},
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
    "resume": str | None,
}


def of(target: str) -> Mapping[str, Constraint]:
    """The constraints of a class or function by its dotted name, by parameter; none of one that is not known."""
    target = renamed.target(target)
    return _of_library(target) if target in _OF_LIBRARIES else _of_ours(target)


@cache
def of_a_run() -> dict[str, Constraint]:
    """The constraints of the keys that stand in no group, as ``seed``."""
    return _read(_OF_A_RUN)


@cache
def _of_library(target: str) -> dict[str, Constraint]:
    return _read(_OF_LIBRARIES[target])


@cache
def _of_ours(target: str) -> dict[str, Constraint]:
    return {name: Constraint.from_plain(plain) for name, plain in _table().get(target, {}).items()}


def _read(annotations: Mapping[str, Any]) -> dict[str, Constraint]:
    found = {}
    for name, value in annotations.items():
        annotation, example = value if isinstance(value, tuple) else (value, None)
        constraint = from_annotation(annotation, example)
        assert constraint is not None, name
        found[name] = constraint
    return found


@cache
def _table() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = json.loads((conf_dir() / FILE).read_text(encoding="utf-8"))
    return loaded


def gathered() -> dict[str, dict[str, Any]]:
    """The table anew, from the annotations of every class of ours in ``conf/``; imports them all, and torch."""
    table = {}
    for target in sorted(name for name in allowlist.offered() if name.startswith("netyard.")):
        module, _, name = target.rpartition(".")
        found = constraints(getattr(importlib.import_module(module), name))
        if found:
            table[target] = {parameter: constraint.to_plain() for parameter, constraint in found.items()}
    return table


def as_text(table: Mapping[str, Mapping[str, Any]]) -> str:
    """The table as its file has it: a line for each parameter."""
    targets = []
    for target, parameters in table.items():
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(plain)}" for name, plain in parameters.items())
        targets.append(f"  {json.dumps(target)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(targets) + "\n}\n"


if __name__ == "__main__":
    atomic.write_atomically(conf_dir() / FILE, as_text(gathered()))
