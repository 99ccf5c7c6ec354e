"""The context of a run: frozen, and what callbacks may rely on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from netyard.callbacks.attach import RunFacts
from netyard.config import schema
from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.run_directories.directory import RunDir
from netyard.training.context import RunContext, count_parameters, resolve
from netyard.training.performance import Choice


def context_of(path: Path, *overrides: str) -> RunContext:
    cfg, choices = compose(["model=mlp_tiny", "data=iris", *overrides])
    data = build(cfg.data)
    config = resolve(cfg, data, choices)
    task = build(config["task"])
    count = count_parameters(task.net)
    return RunContext(config, choices, RunDir(path), data, task, Choice(1, "32-true"), count, 0.0)


def test_context_implements_run_facts_and_is_frozen(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    names = [name for name in vars(RunFacts) if not name.startswith("_")]
    assert len(names) > 8 and all(hasattr(context, name) for name in names)
    assert context.resumed_step is None and context.parameters == sum(p.numel() for p in context.task.parameters())
    for field in dataclasses.fields(context):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(context, field.name, None)


@pytest.mark.parametrize(
    ("overrides", "unproven"),
    [
        ([], {}),
        (["callbacks=[default,early_stopping]"], {}),
        (["callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=val/luck"], {"val/luck": True}),
        (["task.monitor=val/f1"], {"val/f1": True}),
    ],
)
def test_metric_named_by_the_user_is_unchecked(tmp_path: Path, overrides: list[str], unproven: Any) -> None:
    found = context_of(tmp_path, *overrides).unchecked_metrics
    assert found.keys() == unproven.keys()
    assert all(key.endswith(".monitor") for key in found.values())


def test_a_checkpoint_holds_config_and_choices(tmp_path: Path) -> None:
    context = context_of(tmp_path)
    held = context.checkpoint_contents
    assert held["choices"]["model"] == "mlp_tiny" and dict(schema.leaves(held["config"]))["seed"] == 0
