"""Language modelling: numbers against values worked by hand, and a state that is carried where it should be only."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from support.language_task import Letters, Recurrent, Uniform, V, task_of


def test_plain_cross_entropy_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    calls, cross_entropy = [], F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda *args, **more: calls.append(1) or cross_entropy(*args, **more))
    batch = Letters().batches[0]
    for loss, times in ((nn.CrossEntropyLoss(), 1), (nn.CrossEntropyLoss(label_smoothing=0.1), 2)):
        task = task_of(Recurrent(), loss=loss)
        calls.clear()
        task.training_step(batch, 0)
        assert len(calls) == times


def test_forward_gives_the_logits_of_every_step():
    task, (x, _) = task_of(Recurrent()), Letters().batches[0]
    assert task(x).shape == (3, 5, V)
    torch.testing.assert_close(task(x), task.net.unroll(x)[0])


def test_the_same_seed_writes_the_same_text_and_the_global_generator_stands_still():
    task, data = task_of(Recurrent()), Letters()
    before = torch.random.get_rng_state()
    one, two, other = (task.generate(data, "abc", length=60, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert one == two != other
    assert one.startswith("abc") and len(one) == 63


def test_cold_generation_takes_the_likeliest_by_the_whole_past():
    task, data = task_of(Recurrent()).train(), Letters()
    text = task.generate(data, "ab", temperature=0, length=20)
    assert task.training and task.net.training, "the mode is put back"
    tokens = data.encode(text)[None]
    logits = task(tokens)[0, 1:-1]
    logits[:, :4] = -math.inf
    assert torch.equal(logits.argmax(dim=1), tokens[0, 2:])
    assert task.generate(data, "ab", top_k=1, length=20) == text
    assert task.generate(data, "ab", temperature=1e-6, length=20) == text


def test_special_tokens_are_never_drawn():
    net, data = Uniform(), Letters()
    net.logits.data[:4] = 50.0
    text = task_of(net).generate(data, length=300, top_k=V)
    assert len(text) == 300 and set(text) == set(data.alphabet)


def test_an_empty_prompt_starts_from_a_line_break_or_the_first_real_token():
    task, data = task_of(Recurrent()), Letters()
    first = task.generate(data, "a", temperature=0, length=9)
    assert task.generate(data, "", temperature=0, length=9) == first[1:]
    data.alphabet = "abc\ne"
    lines = task.generate(data, "\n", temperature=0, length=9)
    assert task.generate(data, "", temperature=0, length=9) == lines[1:]
    assert lines[1:] != first[1:], "it would not show"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.5}, "temperature is -0.5;"),
        ({"top_k": -2}, "top_k is -2;"),
        ({"top_k": V + 1}, rf"top_k is 10; it must be at most {V}, the size of the vocabulary; try top_k="),
        ({"length": 0}, r"length is 0; .* at least 1; try length=300\."),
        ({"prompt": "xyz"}, "an unknown letter"),
    ],
)
def test_what_cannot_be_generated_is_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        task_of(Recurrent()).generate(Letters(), **settings)


def test_a_net_without_unroll_is_refused():
    with pytest.raises(ValueError, match=r"Linear has no unroll; .*; try model=lstm\."):
        task_of(nn.Linear(3, V))


def test_a_net_that_sees_what_is_to_come_is_refused():
    net = Recurrent(bidirectional=True).train()
    net.unroll = lambda x, state=None: (net.head(net.gru(net.embedding(x))[0]), ())  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"outputs of Recurrent depend on later tokens; .*; try model=lstm\."):
        task_of(net)
    assert net.training


def test_a_net_that_refuses_to_be_unrolled_says_so_itself():
    class Both(Uniform):
        def unroll(self, x: Tensor, state: Any = None) -> Any:
            raise ValueError("bidirectional is true; language reads one way; try model.bidirectional=false.")

    with pytest.raises(ValueError, match="bidirectional is true"):
        task_of(Both())


@pytest.mark.parametrize("num_outputs", [None, 0, 4])
def test_data_without_a_vocabulary_are_refused(num_outputs: int | None):
    with pytest.raises(ValueError, match=f"num_outputs is {num_outputs}; .*; try data=python_source"):
        task_of(Uniform(), num_outputs=num_outputs)


def test_a_loss_of_numbers_is_refused_and_a_great_vocabulary_costs_nothing():
    with pytest.raises(ValueError, match=r"loss MSELoss .* try loss=cross_entropy\."):
        task_of(Uniform(), loss=nn.MSELoss())
    assert task_of(Uniform(30_000), num_outputs=30_000).num_outputs == 30_000
