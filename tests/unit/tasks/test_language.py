"""Language modelling: numbers against values worked by hand, and a state that is carried where it should be only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.losses.focal import FocalLoss
from netyard.tasks.language import Language
from support.trainers import trainer_of

V = 9  # four special tokens and the letters a to e
IGNORED = -100


class Recurrent(nn.Module):
    """A small GRU with a state that has the batch first."""

    def __init__(self, vocab_size: int = V, hidden_size: int = 12, bidirectional: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(vocab_size, 6)
        self.gru = nn.GRU(6, hidden_size, num_layers=2, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(hidden_size * (1 + bidirectional), vocab_size)
        self.states: list[Any] = []

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.states.append(state)
        hidden = None if state is None else state[0].transpose(0, 1).contiguous()
        outputs, hidden = self.gru(self.embedding(x), hidden)
        return self.head(outputs), (hidden.transpose(0, 1),)


class Uniform(nn.Module):
    """Expects every token alike."""

    def __init__(self, vocab_size: int = V) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab_size))

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.logits.expand(*x.shape, -1), (torch.zeros(len(x), 1),)


class Stream:
    """Batches (x, y) that continue each other, from where the loop's own counter stands."""

    def __init__(self, batches: list[tuple[Tensor, Tensor]], trainer: L.Trainer | None = None) -> None:
        self.batches, self.trainer = batches, trainer

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        done = self.trainer.fit_loop.epoch_loop.batch_progress.total.processed if self.trainer else 0
        yield from self.batches[done % len(self.batches) :]

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        pass


class Letters(L.LightningDataModule):
    """A text of random letters in a few rows, and the alphabet of the tokens from 4 on."""

    alphabet = "abcd "

    def __init__(self, batches: int = 6, rows: int = 3, steps: int = 5, lengths: int = 1, missing: int = 0) -> None:
        super().__init__()
        torch.manual_seed(5)
        text = torch.randint(4, V, (rows, batches * steps + 1))
        self.x, self.y = text[:, :-1], text[:, 1:].clone()
        if missing:
            self.y[-1, -missing:] = IGNORED
        self.batches = list(zip(self.x.split(steps, dim=1), self.y.split(steps, dim=1), strict=True))
        self.evaluated = self.batches
        self.lengths = lengths

    def train_dataloader(self) -> Stream:
        return Stream(self.batches, self.trainer)

    def val_dataloader(self) -> Stream:
        return Stream(self.evaluated)

    test_dataloader = val_dataloader

    def token_lengths(self) -> Tensor:
        return torch.tensor([0, 1, 0, 0] + [self.lengths] * (V - 4))

    def encode(self, text: str) -> Tensor:
        if not set(text) <= set(self.alphabet):
            raise ValueError("an unknown letter")
        return torch.tensor([4 + self.alphabet.index(letter) for letter in text])

    def decode(self, tokens: Tensor) -> str:
        return "".join(self.alphabet[token - 4] for token in tokens.tolist())


def task_of(net: nn.Module, lr: float = 0.0, loss: nn.Module | None = None, **settings: Any) -> Language:
    return Language(
        net,
        loss or nn.CrossEntropyLoss(),
        settings.pop("optimizer", partial(torch.optim.SGD, lr=lr)),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        **{"num_outputs": V, **settings},
    )


def nll(net: Any, x: Tensor, y: Tensor) -> float:
    """Of the whole stream at once."""
    with torch.no_grad():
        return F.cross_entropy(net.unroll(x)[0].flatten(0, 1), y.flatten()).item()


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), FocalLoss()], ids=["plain", "focal"])
def test_a_batch_without_targets_counts_for_nothing(loss: nn.Module):
    net, data, trainer = Recurrent(), Letters(batches=3, steps=4), trainer_of()
    data.y[:, 8:] = IGNORED
    data.batches = data.evaluated = list(zip(data.x.split(4, dim=1), data.y.split(4, dim=1), strict=True))
    trainer.validate(task_of(net, loss=loss), data, verbose=False)
    perplexity = math.exp(nll(net, data.x[:, :8], data.y[:, :8]))
    assert trainer.callback_metrics["val/perplexity"].item() == pytest.approx(perplexity, rel=1e-5)
    bits = trainer.callback_metrics["val/bits_per_character"].item()
    assert bits == pytest.approx(math.log2(perplexity), rel=1e-5), "a token is a character until data say otherwise"


def test_plain_cross_entropy_is_computed_once(monkeypatch: pytest.MonkeyPatch):
    calls, cross_entropy = [], F.cross_entropy
    monkeypatch.setattr(F, "cross_entropy", lambda *args, **more: calls.append(1) or cross_entropy(*args, **more))
    batch = Letters().batches[0]
    for loss, times in ((nn.CrossEntropyLoss(), 1), (nn.CrossEntropyLoss(label_smoothing=0.1), 2)):
        task = task_of(Recurrent(), loss=loss)
        calls.clear()
        task.training_step(batch, 0)
        assert len(calls) == times


@pytest.mark.parametrize("sizes", [(3, 2), (2, 3), (3, 1, 2)])
def test_batches_of_other_sizes_do_not_crash(sizes: tuple[int, ...]):
    net, data = Recurrent(), Letters()
    data.evaluated = [(x[:size], y[:size]) for size, (x, y) in zip(sizes, data.batches, strict=False)]
    task = task_of(net)
    net.states.clear()
    trainer_of().validate(task, data, verbose=False)
    carried = [None if state is None else len(state[0]) for state in net.states]
    wanted = [None] + [now if now <= before else None for before, now in pairwise(sizes)]
    assert carried == wanted
    if sizes == (3, 2):
        _, whole = net.unroll(data.batches[0][0])
        torch.testing.assert_close(net.states[1][0], whole[0][:2])


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
        ({"top_k": V + 1}, rf"top_k is 10; .* the {V} tokens of the vocabulary; try top_k="),
        ({"length": 0}, r"length is 0; it must be at least 1 token; try length=300\."),
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
    with pytest.raises(ValueError, match=r"Recurrent sees the tokens to come; .*; try model=lstm\."):
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
