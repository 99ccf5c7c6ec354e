"""Classification: what it learns, and that every number it logs is the one a hand would compute."""

from __future__ import annotations

import csv
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError, DataError
from netyard.metrics import class_scores
from netyard.training import checkpoint
from support.classification_task import Batches, joined, samples, task_of
from support.trainers import trainer_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*shuffle")


class TwoHeads(nn.Module):
    """Logits, and in training those of an auxiliary classifier."""

    auxiliary_weight = 0.3

    def __init__(self) -> None:
        super().__init__()
        self.main, self.side = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return (self.main(x), self.side(x)) if self.training else self.main(x)


def test_the_loss_falls_on_a_handful_of_fixed_samples():
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    task, trainer, data = task_of(net, lr=0.5), trainer_of(60), Batches(samples((8,)))
    x, y = data.batches[0]
    before = F.cross_entropy(net(x), y).item()
    trainer.fit(task, data)
    assert F.cross_entropy(net(x), y).item() < 0.1 * before
    assert trainer.callback_metrics["train/accuracy"] == 1.0


@pytest.mark.parametrize("sizes", [(10,), (7, 1, 2), (1,) * 10])
def test_metrics_are_means_over_samples_whatever_the_batches(sizes: tuple[int, ...]):
    net = nn.Linear(4, 3)
    task, trainer, data = task_of(net), trainer_of(), Batches(samples(sizes))
    x, y = joined(data.batches)
    with torch.no_grad():
        loss, right = F.cross_entropy(net(x), y).item(), (net(x).argmax(1) == y).float().mean().item()
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    for stage in ("train", "val", "test"):
        assert got[f"{stage}/loss"].item() == pytest.approx(loss, rel=1e-5)
        assert got[f"{stage}/accuracy"].item() == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(label_smoothing=0.2),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0, 3.0])),
        nn.CrossEntropyLoss(),
    ],
    ids=str,
)
def test_the_loss_of_a_test_is_the_plain_one_beside_the_trained_one(loss: nn.Module):
    net = nn.Linear(4, 3)
    task, trainer, data = task_of(net), trainer_of(), Batches(samples((10,)))
    task.loss = loss
    x, y = joined(data.batches)
    with torch.no_grad():
        logits = net(x)
    state = set(task.state_dict())
    trainer.fit(task, data)
    assert trainer.callback_metrics["val/loss"].item() == pytest.approx(loss(logits, y).item(), rel=1e-5)
    trainer.test(task, data, verbose=False)
    got = dict(trainer.callback_metrics)
    assert got["test/loss"].item() == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    trained = got.get("test/training_loss")
    if loss.weight is None and not loss.label_smoothing:
        assert trained is None
    else:
        assert trained is not None and trained.item() == pytest.approx(loss(logits, y).item(), rel=1e-5)
    assert set(task.state_dict()) == state, "nothing is saved in addition"


def test_every_score_of_a_rare_class_is_that_of_all_samples_whatever_the_batches() -> None:
    net, data = nn.Linear(4, 3), Batches(samples((30, 1, 19)))
    task, trainer = task_of(net, monitor="val/average_precision", validation_scores=["f1", "auroc"]), trainer_of()
    x, y = joined(data.batches)
    with torch.no_grad():
        probabilities = net(x).softmax(1)
    confusion = torch.bincount(3 * y + probabilities.argmax(1), minlength=9).view(3, 3)
    wanted = class_scores.scores(class_scores.NAMES, confusion, probabilities, y)
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    assert "val/balanced_accuracy" not in got
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    for name in ("f1", "auroc", "average_precision"):
        assert got[f"val/{name}"].item() == pytest.approx(float(wanted[name]), rel=1e-5)
    for name in class_scores.NAMES:
        assert got[f"test/{name}"].item() == pytest.approx(float(wanted[name]), rel=1e-5)
    with pytest.raises(DataError, match="all validation samples are of one class"):
        trainer_of().validate(task, Batches([(x, y * 0)]), verbose=False)


def test_a_threshold_is_chosen_on_validation_saved_and_used() -> None:
    """Of samples of which a quarter is positive, a net of bias -3 predicts none at 0.5."""
    x = torch.arange(100.0)[:, None] / 100
    data, net = Batches([(x[::2], (x[::2, 0] > 0.75).long()), (x[1::2], (x[1::2, 0] > 0.75).long())]), nn.Linear(1, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0], [1.0]]))
        net.bias.copy_(torch.tensor([0.0, -3.0]))
    plain = task_of(net, classes=2)
    trainer = trainer_of()
    trainer.test(plain, data, verbose=False)
    assert trainer.callback_metrics["test/accuracy"] == pytest.approx(0.76)
    assert "threshold" not in plain.state_dict()
    task, trainer = task_of(net, classes=2, threshold="f1"), trainer_of()
    trainer.fit(task, data)
    assert trainer.callback_metrics["val/f1"] == trainer.callback_metrics["val/accuracy"] == 1.0
    between = (net(torch.tensor([[0.75], [0.76]])).softmax(1)[:, 1]).tolist()
    assert task.state_dict()["threshold"].item() == pytest.approx(sum(between) / 2, rel=1e-5)
    trainer.test(task, data, verbose=False)
    assert trainer.callback_metrics["test/accuracy"] == 1.0
    answers = task.prediction_columns(torch.tensor([[0.75], [0.76]]), ["no", "yes"])
    assert answers["prediction"] == ["no", "yes"] and answers["probability"][0] > 0.5 > answers["probability"][1]
    assert "predicted from 0." in task.export_signature().outputs[1].meaning
    with pytest.raises(ArgumentError, match=r"threshold is f1 for 3 classes; .*; try task\.threshold=0\.5\."):
        task_of(nn.Linear(4, 3), threshold="f1")


def test_a_validation_within_the_epoch_leaves_the_training_means_right():
    net = nn.Linear(4, 3)
    data = Batches(samples((5, 2, 3, 4)))
    data.val_dataloader = Batches(samples((50,))).train_dataloader  # type: ignore[method-assign]
    x, y = joined(data.batches)
    loss = F.cross_entropy(net(x), y).item()
    trainer = trainer_of(2, val_check_interval=0.5)
    trainer.fit(task_of(net), data)
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_auxiliary_logits_enter_the_training_loss_by_their_weight_and_no_metric():
    net = TwoHeads()
    task, trainer, data = task_of(net), trainer_of(), Batches(samples((6, 2)))
    x, y = data.batches[0]
    main, side = F.cross_entropy(net.main(x), y), F.cross_entropy(net.side(x), y)
    torch.testing.assert_close(task.training_step((x, y), 0), main + 0.3 * side)
    x, y = joined(data.batches)
    loss = F.cross_entropy(net.main(x), y).item()
    trainer.fit(task_of(net), data)
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(loss, rel=1e-5)
    assert trainer.callback_metrics["val/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_the_lasso_penalty_enters_the_training_loss_only():
    net = nn.Linear(4, 3)
    data = Batches(samples((6, 2)))
    x, y = data.batches[0]
    plain, lasso = (task_of(net, l1=l1).training_step((x, y), 0) for l1 in (0.0, 0.1))
    torch.testing.assert_close(lasso - plain, 0.1 * net.weight.abs().sum())  # biases go free
    trainer = trainer_of()
    trainer.fit(task_of(net, l1=0.1), data)
    x, y = joined(data.batches)
    loss = F.cross_entropy(net(x), y).item()
    for stage in ("train", "val"):
        assert trainer.callback_metrics[f"{stage}/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_mixup_trains_on_soft_targets_and_is_judged_on_labels(train):
    ran = train(
        "model=mlp_tiny", "data=digits", "augmentation=mixup", "trainer=cpu", "trainer.max_epochs=2", "logger=none"
    )
    assert ran.code == 0, ran.err
    with (ran.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 0.1 < float(rows[-1]["train/accuracy"]) < float(rows[-1]["val/accuracy"]) <= 1
    assert checkpoint.load(ran.path).num_outputs == 10


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


def test_balanced_weights_are_counted_saved_and_left_out_of_the_test(train) -> None:
    words = ("model=mlp_tiny", "data=wine", "trainer=cpu", "logger=none", "trainer.max_epochs=1")
    ran = train(*words, "loss.class_weights=balanced")
    assert ran.code == 0, ran.err
    task = checkpoint.load(ran.path)
    counts = torch.tensor([*ran.json("results.json")["data_summary"]["classes"].values()])
    torch.testing.assert_close(task.state_dict()["loss.weight"], counts.sum() / (3 * counts))
    assert {"test/loss", "test/training_loss"} <= {*ran.json("results.json")["metrics"]}
