"""Classification: what it learns, and that every number it logs is the one a hand would compute."""

from __future__ import annotations

from functools import partial
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from netyard.tasks.classification import Classification, accuracy
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*shuffle")


class Batches(L.LightningDataModule):
    """Fixed batches for every stage."""

    def __init__(self, batches: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader = train_dataloader


def task_of(net: nn.Module, classes: int = 3, lr: float = 0.0, **settings: Any) -> Classification:
    return Classification(
        net,
        nn.CrossEntropyLoss(),
        partial(torch.optim.SGD, lr=lr),
        lambda optimizer, total_steps: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        classes,
        **settings,
    )


def samples(sizes: tuple[int, ...], classes: int = 3) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(1)
    return [(torch.randn(size, 4), torch.randint(classes, (size,))) for size in sizes]


def joined(batches: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    x, y = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(y)


def test_confusion_and_mistakes_agree_with_a_hand_count():
    net = nn.Linear(4, 3)
    task, data = task_of(net), Batches(samples((30, 1, 19)))
    x, y = joined(data.batches)
    with torch.no_grad():
        probabilities = net(x).softmax(1)
    predictions = probabilities.argmax(1).tolist()
    trainer_of().test(task, data, verbose=False)
    counts = [[0] * 3 for _ in range(3)]
    for true, predicted in zip(y.tolist(), predictions, strict=True):
        counts[true][predicted] += 1
    assert task.confusion is not None and task.confusion.tolist() == counts
    wrong = [index for index in range(50) if predictions[index] != y[index]]
    surest = sorted(wrong, key=lambda index: -float(probabilities[index].max()))[: task.NUM_MISTAKES]
    assert len(wrong) > len(surest) == 25  # or nothing would be left out
    assert task.mistakes is not None
    assert torch.equal(task.mistakes.inputs, x[surest])
    assert task.mistakes.labels.tolist() == y[surest].tolist()
    assert task.mistakes.predictions.tolist() == [predictions[index] for index in surest]
    torch.testing.assert_close(task.mistakes.confidences, probabilities[surest].max(1).values)


def test_a_second_test_starts_anew():
    task, data = task_of(nn.Linear(4, 3)), Batches(samples((9, 4)))
    for _ in range(2):
        trainer_of().test(task, data, verbose=False)
    assert task.confusion is not None and task.confusion.sum() == 13


def test_auroc_is_left_out_where_a_class_does_not_occur():
    (x, y), trainer = samples((12,))[0], trainer_of()
    trainer.test(task_of(nn.Linear(4, 3)), Batches([(x, y)]), verbose=False)
    assert 0 <= trainer.callback_metrics["test/auroc"] <= 1
    trainer = trainer_of()
    trainer.test(task_of(nn.Linear(4, 3)), Batches([(x, y.clamp(max=1))]), verbose=False)
    assert "test/auroc" not in trainer.callback_metrics and "test/loss" in trainer.callback_metrics


def test_predictions_are_probabilities():
    task, (x, y) = task_of(nn.Linear(4, 3)).eval(), samples((5,))[0]
    torch.testing.assert_close(task.predict_step((x, y), 0).sum(1), torch.ones(5))
    assert torch.equal(task.predict_step(x, 0), task.predict_step((x, y), 0))
    assert torch.equal(task(x), task.net(x))


def test_accuracy_of_a_soft_target_is_that_of_its_largest_class():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    assert accuracy(logits, torch.tensor([0, 2])) == 0.5
    assert accuracy(logits, torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.7, 0.3]])) == 1.0
