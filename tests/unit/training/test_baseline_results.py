"""When a run has baselines, and what the log says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from netyard.baselines.compare import Compared
from netyard.training import baseline_results

WHOLE = {"limit_train_batches": 1.0, "limit_val_batches": 1.0, "limit_test_batches": 1.0, "overfit_batches": 0.0}


def compared(mode: str = "max", **values: float) -> Compared:
    return Compared("test/accuracy", mode, {"test/accuracy": values}, None, None, {}, 0.0)


@pytest.mark.parametrize(
    ("value", "mode", "sentence"),
    [
        (0.5, "max", "b is better than mlp, and needs no network: test/accuracy 0.7500, not 0.5000"),
        (0.8, "max", "mlp is better than every model without a network; the best of them is b"),
        (0.75, "max", "mlp is as good as b, which needs no network: test/accuracy 0.7500"),
        (0.5, "min", "a is better than mlp, and needs no network: test/accuracy 0.2500, not 0.5000"),
        (0.1, "min", "mlp is better than every model without a network; the best of them is a"),
    ],
)
def test_the_log_says_which_is_better(value: float, mode: str, sentence: str) -> None:
    assert baseline_results.sentence("mlp", compared(mode, a=0.25, b=0.75), value) == sentence


def test_a_part_of_the_data_is_told() -> None:
    found = Compared("test/accuracy", "max", {"test/accuracy": {"a": 0.2}}, 10_000, 5000, {}, 0.0)
    said = baseline_results.sentence("mlp", found, 0.5)
    assert said.endswith("(they learned from at most 10,000 training samples and were scored on 5,000)")


@pytest.mark.parametrize(
    ("config", "limits", "metrics", "stage"),
    [
        ({}, {}, ["val/loss", "test/loss"], "test"),
        ({"baselines": True}, {}, ["val/loss"], "val"),
        ({"baselines": False}, {}, ["test/loss"], None),
        ({}, {}, ["train/loss"], None),
        ({}, {"limit_test_batches": 1}, ["test/loss"], None),
        ({}, {"limit_train_batches": 0.5}, ["test/loss"], None),
        ({}, {"overfit_batches": 2}, ["test/loss"], None),
    ],
)
def test_a_run_has_baselines_where_it_has_read_all_of_its_data(
    config: dict[str, Any], limits: dict[str, Any], metrics: list[str], stage: str | None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(baseline_results, "baselines_of", lambda task, data, stage, metrics: stage)
    context: Any = SimpleNamespace(config=config, task=None, datamodule=None)
    trainer: Any = SimpleNamespace(**WHOLE | limits)
    assert baseline_results.compare(context, trainer, dict.fromkeys(metrics, 0.0)) == stage
