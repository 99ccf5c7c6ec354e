"""Translation: teacher forcing against values worked by hand, and what the net writes when it is alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.losses.focal import FocalLoss
from netyard.tasks.translation import Translation
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")
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


@pytest.mark.parametrize(
    "loss", [nn.CrossEntropyLoss(), FocalLoss(), nn.MultiMarginLoss()], ids=["ce", "focal", "hinge"]
)
def test_padding_counts_for_nothing_and_every_token_alike(loss: nn.Module):
    net, trainer = EncoderDecoder(), trainer_of()
    logits, labels = [], []
    for x, y in (pair for batch in DATA for pair in zip(*batch, strict=True)):  # one sentence at a time, unpadded
        inputs = torch.tensor([[START, *y[:-1]]])
        width = max(len(row) for batch in SOURCES for row in batch if x in batch)
        source = torch.tensor([x + [0] * (width - len(x))])  # this net does read the source's padding
        logits.append(net.decode(net.encode(source), inputs)[0][0])
        labels.append(torch.tensor(y))
    trainer.fit(task_of(net, loss=loss), Pairs(*DATA))
    wanted = loss(torch.cat(logits), torch.cat(labels)).item()
    right = (torch.cat(logits).argmax(1) == torch.cat(labels)).float().mean().item()
    for stage in ("train", "val"):
        assert trainer.callback_metrics[f"{stage}/loss"].item() == pytest.approx(wanted, rel=1e-5)
        assert trainer.callback_metrics[f"{stage}/token_accuracy"].item() == pytest.approx(right)
    assert {name for name in trainer.callback_metrics if name.startswith("train/")} == {
        "train/loss",
        "train/token_accuracy",
    }, "nothing is decoded in training"


def test_it_learns_a_handful_of_sentences_by_heart():
    net, data, trainer = EncoderDecoder(), Pairs(*DATA), trainer_of(60, check_val_every_n_epoch=60)
    task = task_of(net, optimizer=partial(torch.optim.Adam, lr=0.02))
    trainer.fit(task, data)
    for name in ("token_accuracy", "exact_match", "bleu"):
        assert trainer.callback_metrics[f"val/{name}"].item() == 1
    assert trainer.callback_metrics["val/loss"] < 0.1
    for (x, y), width in zip(data.batches, (3, 6), strict=True):
        assert torch.equal(task(x), y) and y.shape[1] == width
    assert task.generate(data, "def" + "ab") == "bafed"


def test_validation_in_mid_epoch_changes_nothing_of_training():
    trained = []
    for settings in ({}, {"val_check_interval": 1}):
        net, trainer = EncoderDecoder(), trainer_of(2, **settings)
        trainer.fit(task_of(net, optimizer=partial(torch.optim.SGD, lr=0.5)), Pairs(*DATA))
        trained.append((net.state_dict(), trainer.callback_metrics["train/loss"]))
    (one, loss), (two, again) = trained
    assert all(torch.equal(one[name], two[name]) for name in one) and loss == again


def test_saved_and_loaded_it_scores_the_same(tmp_path: Path):
    task, data, trainer = task_of(EncoderDecoder(), optimizer=partial(torch.optim.Adam, lr=0.02)), Pairs(*DATA), None
    trainer = trainer_of(12)
    trainer.fit(task, data)
    trainer.test(task, data, verbose=False)
    wanted = {name: each.item() for name, each in trainer.callback_metrics.items() if name.startswith("test/")}
    assert 0 < wanted["test/token_accuracy"] < 1, "it would not show"
    torch.save(task.state_dict(), tmp_path / "weights")
    again, trainer = task_of(EncoderDecoder()), trainer_of()
    again.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    trainer.test(again, data, verbose=False)
    assert {name: each.item() for name, each in trainer.callback_metrics.items()} == wanted
