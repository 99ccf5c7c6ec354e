"""Callbacks and loggers of anybody are told of their run by one method, and nothing else is touched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from lightning import Callback

from netyard.callbacks.attach import Attachable, RunFacts, attach
from netyard.callbacks.best_and_last import BestAndLast
from netyard.callbacks.metrics_logger import Curves
from netyard.callbacks.sample_quality import SampleScores
from netyard.callbacks.terminate_on_nan import Finite
from netyard.training.tensorboard import BufferedTensorBoardLogger


class Strangers(Callback):
    def attach(self, run: RunFacts) -> None:
        self.name = run.choices["model"]


def test_whoever_has_attach_is_called_and_nobody_else() -> None:
    run: Any = SimpleNamespace(choices={"model": "mlp"})
    stranger, plain = Strangers(), Finite()
    before = dict(vars(plain))
    attach(run, [plain, stranger, None])
    assert stranger.name == "mlp"
    assert vars(plain) == before


@pytest.mark.parametrize("kind", [BestAndLast, Curves, SampleScores, BufferedTensorBoardLogger])
def test_what_needs_the_run_asks_for_it(kind: type) -> None:
    assert issubclass(kind, Attachable)


@pytest.mark.parametrize(("features", "asked"), [("auto", []), ("inception", []), ("runs/one", ["runs/one"])])
def test_only_a_run_is_asked_for_its_network(features: str, asked: list[str], tmp_path: Any) -> None:
    seen: list[str] = []
    run: Any = SimpleNamespace(feature_network=seen.append)
    SampleScores(features, cache=str(tmp_path)).attach(run)
    assert seen == asked


def test_a_checkpoint_without_a_run_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="was not attached"):
        _ = BestAndLast("val/loss", "min").directory
