"""The work of a step, by which the threads are chosen, against the multiplications one counts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.config import schema
from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.training import threads

H, T, F = 16, 8, 8  # lstm_tiny and its kin on the rows of the digits
HEAD = H * 10


def made(*overrides: str, **facts: int) -> tuple[Any, dict[str, Any]]:
    """The task, and the resolved config of its data."""
    cfg, choices = compose(overrides)
    cfg.data.update(facts)
    config = schema.resolve(cfg, choices)
    return build(config["task"]), config["data"]


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (["model=perceptron"], 64 * 10),
        (["model=mlp", "model.hidden_sizes=[32]"], 64 * 32 + 32 * 10),
        # Of a recurrent net one step, with its share of the head that follows the last.
        (["model=rnn_tiny"], H * (F + H) + HEAD / T),
        (["model=gru_tiny"], 3 * H * (F + H) + HEAD / T),
        (["model=lstm_tiny"], 4 * H * (F + H) + HEAD / T),
        (["model=lstm_tiny", "model.bidirectional=true"], 2 * 4 * H * (F + H) + 2 * HEAD / T),
        # Vectors of the rows; queries, keys, values and projection, scores and their use, two layers of 4 H; the head.
        (
            ["model=transformer", "model.hidden_size=32", "model.num_layers=1"],
            T * (F * 32 + 12 * 32**2 + 2 * T * 32) + 320,
        ),
    ],
    ids=str,
)
def test_the_work_of_one_sample(overrides: list[str], wanted: float) -> None:
    task, data = made(*overrides)
    task.train()
    # Torch before 2.15 does not count the scores of attention on the CPU, four hundredths of that net's work.
    assert threads.multiply_adds(task, data) == pytest.approx(wanted, rel=0.05)
    assert all(module.training for module in task.modules()), "as it was"


def test_tokens_are_counted_too() -> None:
    """Looking a token's vector up multiplies nothing."""
    task, data = made(
        "model=lstm_tiny", "data=sentiment", "data.path=x", num_classes=3, vocab_size=20, sequence_length=5
    )
    assert threads.multiply_adds(task, data) == pytest.approx(4 * H * (16 + H) + H * 3 / 5)


def test_threads_are_chosen_by_the_work_or_taken_at_their_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "available", lambda: 4)
    task, data = made("model=mlp_tiny")
    assert threads.set_threads(2, task, data) == 2
    assert threads.set_threads("auto", task, data) == 1
    assert threads.set_threads("auto", task, {**data, "batch_size": 10**6}) == 4
    unknown = {key: value for key, value in data.items() if key != "input_shape"}
    assert threads.set_threads("auto", task, unknown) == 4, "taken for large"
    monkeypatch.setattr(threads, "available", lambda: 3)
    assert threads.set_threads("auto", task, unknown) == 3, "the share of a job beside others"
