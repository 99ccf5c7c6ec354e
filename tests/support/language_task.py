"""A language task, the smallest networks for it, and a text of random letters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.tasks.language import Language

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
    """Predicts the same probability for every token."""

    def __init__(self, vocab_size: int = V) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab_size))

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.logits.expand(*x.shape, -1), (torch.zeros(len(x), 1),)


class Stream:
    """Consecutive batches (x, y) of a text, starting at the batch counter of the training loop."""

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
    """A text of random letters in a few rows; the tokens of the alphabet begin at 4."""

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
    """Return the negative log-likelihood of the whole sequence at once."""
    with torch.no_grad():
        return F.cross_entropy(net.unroll(x)[0].flatten(0, 1), y.flatten()).item()
