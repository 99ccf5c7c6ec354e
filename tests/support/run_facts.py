"""Facts of finished runs with given curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netyard.diagnostics.facts import Facts

CONFIG: dict[str, Any] = {
    "model": {"dropout": 0.0, "activation": "relu"},
    "task": {"num_outputs": 10},
    "loss": {"class_weights": None},
    "optimizer": {"lr": 0.001, "weight_decay": 0.0},
    "data": {"sampler": "uniform", "val_episodes": 50},
    "trainer": {"max_epochs": 5, "max_steps": -1, "max_time": None},
}
CHOICES = {"optimizer": "adam", "scheduler": "constant", "augmentation": "auto", "loss": "cross_entropy", "task": "x"}
ACCURACY = {"name": "val/accuracy", "mode": "max"}


def made_facts(
    curves: Mapping[str, Sequence[float | None]],
    changes: Mapping[str, Any] | None = None,
    objective: Mapping[str, Any] = ACCURACY,
    **facts: Any,
) -> Facts:
    """Facts of a healthy classification, but for these curves, these dotted keys of the config, and these facts.

    A curve has None where an epoch was not validated. The best epoch is that of the objective's curve.
    """
    config = {group: dict(node) for group, node in CONFIG.items()}
    for key, value in (changes or {}).items():
        group, _, name = key.rpartition(".")
        config.setdefault(group, {})[name] = value
    length = max(map(len, curves.values()))
    rows = [
        {
            "epoch": float(epoch),
            "lr": config["optimizer"]["lr"],
            **{name: float(curve[epoch]) for name, curve in curves.items() if curve[epoch] is not None},
        }
        for epoch in range(length)
    ]
    scores = [(value, epoch) for epoch, value in enumerate(curves.get(objective["name"], ())) if value is not None]
    best = (max(scores, key=lambda each: each[0]) if objective["mode"] == "max" else min(scores)) if scores else None
    return Facts(
        **{
            "history": rows,
            "metrics": {},
            "objective": {**objective, "value": best[0] if best else None, "epoch": best[1] if best else None},
            "config": config,
            "choices": CHOICES | facts.pop("chosen", {}),
            "samples": {"train": 1294, "val": 144, "test": 359},
            "classes": {str(number): 129 for number in range(10)},
            **facts,
        }
    )
