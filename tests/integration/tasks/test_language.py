"""Language modelling: numbers against values worked by hand, and a state that is carried where it should be only."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.losses.focal import FocalLoss
from support.language_task import IGNORED, Letters, Recurrent, Stream, Uniform, V, nll, task_of
from support.trainers import trainer_of


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: each.clone() for name, each in net.state_dict().items()}


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("lengths", [1, 2])
def test_a_uniform_net_is_as_perplexed_as_there_are_tokens(lengths: int):
    trainer, data = trainer_of(), Letters(lengths=lengths, missing=3)
    task = task_of(Uniform())
    data.batches = Letters().batches
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    for stage in ("train", "val", "test"):
        assert got[f"{stage}/loss"].item() == pytest.approx(math.log(V))
        assert got[f"{stage}/perplexity"].item() == pytest.approx(V)
        assert got[f"{stage}/bits_per_character"].item() == pytest.approx(math.log2(V) / lengths)
    assert not [name for name in got if "_nll" in name or "_characters" in name]


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1), FocalLoss(), nn.MultiMarginLoss()],
    ids=["plain", "smoothed", "focal", "hinge"],
)
def test_missing_targets_count_for_nothing_whatever_the_loss(loss: nn.Module):
    net, data, trainer = Recurrent(), Letters(missing=7), trainer_of()
    task = task_of(net, loss=loss)
    trainer.fit(task, data)
    known = data.y != IGNORED
    with torch.no_grad():
        logits = net.unroll(data.x)[0][known]
    wanted = loss(logits, data.y[known]).item()
    for stage in ("train", "val"):
        assert trainer.callback_metrics[f"{stage}/loss"].item() == pytest.approx(wanted, rel=1e-5)
        perplexity = F.cross_entropy(logits, data.y[known]).exp().item()
        assert trainer.callback_metrics[f"{stage}/perplexity"].item() == pytest.approx(perplexity, rel=1e-5)


def test_bits_per_character_are_of_all_nats_and_all_characters():
    data, net, trainer = Letters(), Recurrent(), trainer_of()
    lengths = torch.tensor([0, 1, 0, 0, 1, 2, 3, 4, 5])
    data.token_lengths = lambda: lengths  # type: ignore[method-assign]
    trainer.fit(task_of(net), data)
    nats = nll(net, data.x, data.y) * data.y.numel()
    wanted = nats / lengths[data.y].sum().item() / math.log(2)
    assert trainer.callback_metrics["val/bits_per_character"].item() == pytest.approx(wanted, rel=1e-5)


def test_the_loss_falls_on_a_handful_of_fixed_samples():
    net, data, trainer = Recurrent(hidden_size=32), Letters(batches=2), trainer_of(60, check_val_every_n_epoch=60)
    before = nll(net, data.x, data.y)
    trainer.fit(task_of(net, optimizer=partial(torch.optim.Adam, lr=0.02)), data)
    assert nll(net, data.x, data.y) < 0.2 * before
    assert trainer.callback_metrics["val/perplexity"] < 2


def test_batches_in_a_row_are_the_whole_stream_at_once():
    net, data, trainer = Recurrent(), Letters(), trainer_of(epochs=2)
    task = task_of(net)  # with a learning rate of 0, so that training can be compared too
    trainer.fit(task, data)
    got = dict(trainer.callback_metrics)
    trainer.test(task, data, verbose=False)
    got |= trainer.callback_metrics
    wanted = nll(net, data.x, data.y)
    assert sum(nll(net, *batch) for batch in data.batches) / 6 != pytest.approx(wanted, rel=1e-5), "it would not show"
    for stage in ("train", "val", "test"):
        assert got[f"{stage}/loss"].item() == pytest.approx(wanted, rel=1e-5)


def test_every_epoch_and_every_evaluation_starts_afresh():
    net, data = Recurrent(), Letters(batches=4)
    task = task_of(net)
    net.states.clear()
    trainer_of(epochs=2).fit(task, data)
    trainer_of().test(task, data, verbose=False)
    assert [state is None for state in net.states] == [True, False, False, False] * 5
    assert not any(each.requires_grad for state in net.states if state for each in state), "truncated"


@pytest.mark.parametrize("stop", [2, 4])
def test_a_run_stopped_within_an_epoch_leaves_no_state_to_the_next(stop: int):
    net, data = Recurrent(), Letters(batches=4)
    task = task_of(net)
    trainer_of(max_steps=stop).fit(task, data)
    net.states.clear()
    trainer_of().fit(task, data)
    assert net.states[0] is None


def test_validation_in_mid_epoch_changes_nothing_of_training():
    trained = []
    for settings in ({}, {"val_check_interval": 2}, {"val_check_interval": 1}):
        net, data, trainer = Recurrent(), Letters(), trainer_of(epochs=2, **settings)
        data.evaluated = Letters(batches=2, rows=4).batches
        trainer.fit(task_of(net, lr=0.5), data)
        trained.append((weights(net), trainer.callback_metrics["train/loss"]))
    for each, loss in trained[1:]:
        assert equal(each, trained[0][0])
        assert loss == trained[0][1]


def test_an_optimizer_that_tries_a_step_several_times_sees_one_state():
    net, data = Recurrent(), Letters(batches=3)
    task = task_of(net, optimizer=partial(torch.optim.LBFGS, lr=0.1, max_iter=4))
    net.states.clear()
    trainer_of(limit_val_batches=0).fit(task, data)
    assert len(net.states) > 6, "several tries a step"
    different = {state[0].data_ptr() for state in net.states if state is not None}
    assert len(different) == 2, "one state for the second batch, one for the third"


class StoppedError(RuntimeError):
    pass


class StopBefore(L.Callback):
    """Writes a checkpoint and ends the run before a step, as a signal does."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path, weights_only=False)
            raise StoppedError


@pytest.mark.parametrize(("step", "validations"), [(0, 2), (2, 1), (5, 2), (6, 1), (7, 2), (11, 1)])
def test_a_resumed_run_ends_as_if_never_stopped(step: int, validations: int, tmp_path: Path):
    adam, settings = partial(torch.optim.Adam, lr=0.05), {"val_check_interval": 6 // validations}
    whole = Recurrent()
    trainer_of(epochs=2, **settings).fit(task_of(whole, optimizer=adam), Letters())
    path = tmp_path / "last.ckpt"
    with pytest.raises(StoppedError):
        trainer_of(epochs=2, callbacks=[StopBefore(step, path)], **settings).fit(
            task_of(Recurrent(), optimizer=adam), Letters()
        )
    net = Recurrent()
    trainer_of(epochs=2, **settings).fit(task_of(net, optimizer=adam), Letters(), ckpt_path=path, weights_only=True)
    assert equal(weights(net), weights(whole))

    held = torch.load(path, weights_only=True)
    assert ("language_state" in held) == (step % 6 != 0), "an epoch that begins has nothing to carry"
    if step % 6:
        assert isinstance(held["language_state"], list)
        del held["language_state"]
        torch.save(held, path)
        net = Recurrent()
        trainer_of(epochs=2, **settings).fit(task_of(net, optimizer=adam), Letters(), ckpt_path=path, weights_only=True)
        assert not equal(weights(net), weights(whole)), "without the state it would show"


def test_saved_and_loaded_it_scores_the_same(tmp_path: Path):
    task, data, trainer = task_of(Recurrent(), lr=0.1), Letters(lengths=3), trainer_of()
    trainer.fit(task, data)
    trainer.test(task, data, verbose=False)
    wanted = {name: each.item() for name, each in trainer.callback_metrics.items() if name.startswith("test/")}
    torch.save(task.state_dict(), tmp_path / "weights")
    again, trainer = task_of(Recurrent()), trainer_of()
    again.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    trainer.test(again, data, verbose=False)
    assert {name: each.item() for name, each in trainer.callback_metrics.items()} == wanted
    assert again.token_lengths.tolist() == data.token_lengths().tolist()


def test_data_that_are_no_text_are_refused():
    class Table(L.LightningDataModule):
        def train_dataloader(self) -> Stream:
            return Stream(Letters().batches)

        val_dataloader = train_dataloader

    with pytest.raises(ValueError, match=r"Table is not text data; .*; try data=python_source\."):
        trainer_of().fit(task_of(Uniform()), Table())


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
