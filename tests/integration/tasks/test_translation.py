"""Translation: teacher forcing against values worked by hand, and what the net writes when it is alone."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netyard.losses.focal import FocalLoss
from netyard.tasks.translation import Translation
from support.trainers import trainer_of
from support.translation_task import (
    BOOK,
    DATA,
    END,
    SOURCES,
    START,
    EncoderDecoder,
    Pairs,
    Phrasebook,
    V,
    task_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


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


def scores_of(net: nn.Module, data: Pairs, **settings: Any) -> tuple[Translation, dict[str, float]]:
    task, trainer = task_of(net, **settings), trainer_of()
    trainer.test(task, data, verbose=False)
    return task, {name.removeprefix("test/"): each.item() for name, each in trainer.callback_metrics.items()}


def test_exact_match_is_the_share_of_whole_sentences():
    data = Pairs(([[4], [5], [6]], [[5, 6, 7, 8, END], [9, 9, END], [4, 4, 4, 4, 4, END]]), ([[5]], [[9, END]]))
    task, got = scores_of(Phrasebook(BOOK), data)
    assert got["exact_match"] == pytest.approx(2 / 4)  # the third never ends
    assert task(data.batches[0][0]).tolist() == [[5, 6, 7, 8, END, 0], [9, END, 0, 0, 0, 0], [4] * 6]


def test_bleu_is_worked_by_hand():
    # Written: 5 6 7 8 and 9; true: 5 6 7 8 9 and 4. Of 5 words 4 are right, of 3 pairs 3, then 2 of 2, then 1 of 1.
    data = Pairs(([[4], [5]], [[5, 6, 7, 8, 9, END], [4, END]]))
    _, got = scores_of(Phrasebook(BOOK), data)
    brevity = math.exp(1 - 6 / 5)
    assert got["bleu"] == pytest.approx(brevity * (4 / 5) ** 0.25, rel=1e-5)
    _, got = scores_of(Phrasebook({4: [5, END]}), Pairs(([[4]], [[5, END]])))
    assert got["bleu"] == 0, "no 4-gram anywhere"
    _, got = scores_of(Phrasebook({4: [5, END]}), Pairs(([[4]], [[5, END]])), max_length=2)
    assert got["bleu"] == 1, "where no sentence can have one, shorter ones do"


def test_a_beam_finds_the_likelier_sentence():
    net = Phrasebook({4: [5, END]})
    net.decode = lambda memory, tokens, state=None: (trap()[tokens], memory)  # type: ignore[method-assign]
    data = Pairs(([[4], [4]], [[6, END], [6, END]]))
    for beam_size, found in ((1, 0.0), (2, 1.0), (4, 1.0)):
        task, got = scores_of(net, data, beam_size=beam_size)
        assert got["exact_match"] == found
        assert task.predict_step(data.batches[0], 0)[0, 0] == (6 if found else 5)
    assert task.generate(data, "a") == "c"
    assert task.generate(data, "a", beam_size=1) == "ba"
    assert task(data.batches[0][0])[0].tolist()[:2] == [5, 4], "forward is greedy"


def trap() -> Tensor:
    """Logits given the last token: 5 is the likelier beginning, and 6 the likelier sentence."""
    table = torch.full((V, V), 1e-9)
    table[START, 5], table[START, 6] = 0.6, 0.4
    table[5, 4], table[5, 7], table[5, 8] = 0.4, 0.3, 0.3
    table[6, END] = table[4, END] = table[7, END] = table[8, END] = 1.0
    return table.log()


def test_the_first_translations_are_kept():
    pairs = [([[4], [5], [6]], [[5, END], [9, 9, END], [4, END]]), ([[4, 4], [5, 4]], [[7, END], [8, 8, 8, END]])]
    task, _ = scores_of(Phrasebook(BOOK), Pairs(*pairs, *pairs))
    kept = task.translations
    assert kept is not None and len(kept.source) == len(kept.true) == len(kept.predicted) == task.NUM_TRANSLATIONS == 8
    assert kept.source[:4].tolist() == [[4, 0], [5, 0], [6, 0], [4, 4]]
    assert kept.true[1].tolist() == [9, 9, END, 0, 0, 0]
    assert kept.predicted[:4].tolist() == [[5, 6, 7, 8, END, 0], [9, END, 0, 0, 0, 0], [4] * 6, [5, 6, 7, 8, END, 0]]
    trainer_of().validate(task, Pairs(pairs[0]), verbose=False)
    assert task.translations is not None and len(task.translations.source) == 3, "of the last evaluation only"
