"""A translation task, the smallest network for it, and a few pairs of sentences."""

from __future__ import annotations

from functools import partial
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.tasks.translation import Translation

START, END, V = 2, 3, 10


class EncoderDecoder(nn.Module):
    """Two GRUs: the last state of the one is the first of the other."""

    def __init__(self, vocab_size: int = V, hidden_size: int = 24) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.encoder = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.decoder = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, vocab_size)

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        return (self.encoder(self.embedding(source))[1].transpose(0, 1),)

    def decode(self, memory: Any, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        hidden = (memory if state is None else state)[0].transpose(0, 1).contiguous()
        outputs, hidden = self.decoder(self.embedding(tokens), hidden)
        return self.head(outputs), (hidden.transpose(0, 1),)


class Pairs(L.LightningDataModule):
    """Fixed batches of sentence pairs, and letters for tokens: ``abcdef`` from 4 on."""

    def __init__(self, *batches: tuple[list[list[int]], list[list[int]]]) -> None:
        super().__init__()
        self.batches = [(padded(x), padded(y)) for x, y in batches]

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader

    def encode(self, text: str) -> Tensor:
        if not set(text) <= set("abcdef"):
            raise ValueError("an unknown letter")
        return torch.tensor(["abcdef".index(letter) + 4 for letter in text])

    def decode(self, tokens: Tensor) -> str:
        return "".join("abcdef"[token - 4] for token in tokens.tolist() if token > 3)


def padded(rows: list[list[int]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


# Two batches of other widths. Reversed sentences, so that order matters.
SOURCES = [[[4, 5], [6]], [[7, 8, 9, 4, 5], [5, 5, 4], [9]]]


TARGETS = [[[*reversed(row), END] for row in batch] for batch in SOURCES]


DATA = list(zip(SOURCES, TARGETS, strict=True))


def task_of(net: nn.Module, loss: nn.Module | None = None, **settings: Any) -> Translation:
    return Translation(
        net,
        loss or nn.CrossEntropyLoss(),
        settings.pop("optimizer", partial(torch.optim.SGD, lr=0.0)),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        **{"num_outputs": V, "start_token": START, "end_token": END, "max_length": 6, **settings},
    )


class Phrasebook(nn.Module):
    """Returns a fixed translation for the first token of the source, whatever the decoder's input is."""

    def __init__(self, translations: dict[int, list[int]], sure: float = 20.0) -> None:
        super().__init__()
        longest = max(map(len, translations.values()))
        self.logits = nn.Parameter(torch.zeros(V, longest, V))
        for source, tokens in translations.items():
            for place, token in enumerate(tokens):
                self.logits.data[source, place, token] = sure

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        return (source[:, :1],)

    def decode(self, memory: Any, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        place = torch.zeros_like(memory[0]) if state is None else state[0]
        places = place + torch.arange(tokens.shape[1])
        return self.logits[memory[0], places.clamp(max=self.logits.shape[1] - 1)], (places[:, -1:] + 1,)


BOOK = {4: [5, 6, 7, 8, END], 5: [9, END], 6: [4, 4, 4, 4, 4, 4]}
