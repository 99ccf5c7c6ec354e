"""What the benchmarks compute beside the clock: the same steps, gradients and chances as what they measure."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from netyard.training import checkpoint
from support.benchmarks import script


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a benchmark of training changes of the process is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("FORCE_COLOR", "TERM"):
        monkeypatch.setenv(name, "")


def test_the_bare_loop_learns_too() -> None:
    """The same steps on the same batches, or there would be nothing to compare."""
    tokens = script("tokens")
    text = torch.arange(48).remainder(5).view(1, 48) + 4
    beside = tokens.Beside()
    net = SimpleNamespace(
        embedding=torch.nn.Embedding(9, 8), layers=SimpleNamespace(groups=[torch.nn.LSTM(8, 16, batch_first=True)])
    )
    optimizer = torch.optim.Adam(net.embedding.parameters(), lr=0.03)
    beside.on_train_start(SimpleNamespace(optimizers=[optimizer]), SimpleNamespace(net=net))
    for _ in range(40):
        beside.on_train_epoch_start(None, None)
        for chunk in range(3):
            x = text[:, chunk * 15 : chunk * 15 + 15]
            beside.on_train_batch_end(None, None, None, (x, text[:, chunk * 15 + 1 : chunk * 15 + 16]), chunk)
    assert len(beside.ours) == len(beside.bare) == 80, "the first step of an epoch has no time of its own"
    logits, _ = beside.net(text[:, :-1], None)
    assert (logits.argmax(dim=2) == text[:, 1:])[:, 5:].all()


def test_the_loop_by_hand_computes_the_gradient_of_autograd() -> None:
    agents = script("agent_steps")
    loop = agents.ByHand([8, 6], 16, 0.01, 10, 1, 50)
    weights = [torch.tensor(each.T if each.ndim == 2 else each, requires_grad=True) for each in loop.weights]
    loop.advance(200)
    rows = np.arange(16)
    with torch.no_grad():
        best = torch.tensor(loop.forward(loop.after[rows], loop.old)[-1].max(axis=1))
    x = torch.tensor(loop.frames[rows])
    for place in range(0, 6, 2):
        x = torch.nn.functional.linear(x, weights[place], weights[place + 1])
        x = x.relu() if place < 4 else x
    goal = 1.0 + 0.99 * (1 - torch.tensor(loop.ended[rows])) * best
    value = x[torch.arange(16), torch.tensor(loop.actions[rows])]
    torch.nn.functional.huber_loss(value, goal).backward()
    expected = torch.optim.Adam(weights, lr=0.01)
    expected.step()
    loop.update(rows)
    for own, its in zip(loop.weights, weights, strict=True):
        np.testing.assert_allclose(own.T if own.ndim == 2 else own, its.detach().numpy(), atol=1e-4)


def test_an_ngram_model_knows_what_it_can_know() -> None:
    baselines = script("text_baselines")
    rng = np.random.default_rng(0)
    cycle = np.tile(np.arange(4), 500)
    assert baselines.ngram_nats(cycle, cycle[:200], 4) < 0.02, "what always follows"
    noise = rng.integers(0, 4, 200_000)
    assert baselines.ngram_nats(noise, rng.integers(0, 4, 2000), 4) == pytest.approx(math.log(4), rel=0.02)
    strangers = baselines.ngram_nats(cycle, rng.permutation(np.arange(4, 14)), 14)
    assert strangers > math.log(14), "never seen, so less likely than a guess"


def test_its_probabilities_sum_to_one() -> None:
    """Over every token that may follow one context."""
    baselines = script("text_baselines")
    train = np.random.default_rng(1).integers(0, 5, 400)
    context = train[10:15]
    chances = [math.exp(-baselines.ngram_nats(train, np.append(context, token), 6)) for token in range(6)]
    assert sum(chances) == pytest.approx(1.0)


def test_the_tensor_loop_learns(beside) -> None:
    script("epochs")  # puts the folder of the others on the path
    from rivals import Samples
    from rivals.tensor_loop import TensorLoop

    x = torch.randint(0, 256, (256, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    y = (x[:, 0, 0, 0] > 127).long()
    half = torch.tensor([[[0.5]]])
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    loop = TensorLoop(net, Samples(x, y, x, y, half, half, 32), lr=0.03)
    assert min(loop.epoch() for _ in range(20)) > 0
    assert loop.scores["val/accuracy"] > 0.9 and loop.scores["train/loss"] < 0.4


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("NVIDIA A100-SXM4-80GB", "39% of its bfloat16 peak; 2.00 times the 2,470 published"),
        ("NVIDIA A10G", "97% of its bfloat16 peak; none published"),
        ("NVIDIA L40", "67% of its bfloat16 peak; none published"),
        ("Tesla V100-SXM2-16GB", "a card whose peak is not known here; 4.12 times the 1,200 published"),
    ],
)
def test_images_a_second_beside_what_a_card_can_do(card: str, said: str) -> None:
    assert script("on_gpu").standing(4940, card) == f"{card}: {said}"


def test_what_is_saved_is_what_a_run_saves(tmp_path: Path) -> None:
    saving = script("saving")
    state = saving.state_of(3)
    saving.Ours()(state, tmp_path)
    found = checkpoint.read(tmp_path / "checkpoints" / "best.ckpt")
    assert torch.equal(found["state_dict"]["layers.0.weight"], state["state_dict"]["layers.0.weight"])
