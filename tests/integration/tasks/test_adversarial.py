"""The adversarial game under Lightning: a batch is a step, and everything that counts steps counts these."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from netyard.models.dcgan import DCGAN
from support.adversarial_task import (
    MEAN,
    STD,
    Pictures,
    check_penalty_holds_slope,
    check_trains,
    dense,
    task_of,
    trainer_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")


def weights(module: nn.Module) -> Tensor:
    return torch.cat([each.detach().flatten() for each in module.parameters()])


class Watch(L.Callback):
    """What happened at each step of the optimizer."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def on_before_zero_grad(self, trainer: L.Trainer, pl_module: Any, optimizer: Any) -> None:
        self.before = weights(pl_module.net.generator), weights(pl_module.net.discriminator)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *_: Any) -> None:
        after = weights(pl_module.net.generator), weights(pl_module.net.discriminator)
        moved = [not torch.equal(*pair) for pair in zip(self.before, after, strict=True)]
        lrs = [group["lr"] for group in trainer.optimizers[0].param_groups]
        self.steps.append({"moved": moved, "step": trainer.global_step, "lrs": lrs})


def test_a_batch_is_a_step_of_both_players_and_of_the_schedule() -> None:
    trainer = trainer_of(2, callbacks=[watch := Watch()])
    trainer.fit(task_of(), Pictures(6))
    assert trainer.global_step == 12
    assert [each["step"] for each in watch.steps] == list(range(1, 13))
    assert all(each["moved"] == [True, True] for each in watch.steps)
    assert watch.steps[-1]["lrs"] == [pytest.approx(0.01 / 13)]


def test_max_steps_counts_batches() -> None:
    trainer = trainer_of(-1, max_steps=7)
    trainer.fit(task_of(), Pictures(6))
    assert trainer.global_step == 7 and trainer.fit_loop.epoch_loop.batch_progress.total.completed == 7


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_generator_waits_for_its_turn(accumulate: int) -> None:
    trainer = trainer_of(callbacks=[watch := Watch()], accumulate_grad_batches=accumulate)
    trainer.fit(task_of(discriminator_steps=3), Pictures(6 * accumulate))
    steps = watch.steps[accumulate - 1 :: accumulate]
    assert trainer.global_step == 6 and [each["step"] for each in steps] == [1, 2, 3, 4, 5, 6]
    assert [each["moved"] for each in steps] == [[turn, True] for turn in (False, False, True) * 2]


def test_each_player_may_have_its_lr() -> None:
    trainer = trainer_of(callbacks=[watch := Watch()])
    task = task_of(discriminator_lr=0.04)
    trainer.fit(task, Pictures(3))
    assert watch.steps[-1]["lrs"] == [pytest.approx(0.01 / 4), pytest.approx(0.04 / 4)]
    groups = [{id(each) for each in group["params"]} for group in trainer.optimizers[0].param_groups]
    assert groups == [
        {id(each) for each in player.parameters()} for player in (task.net.generator, task.net.discriminator)
    ]


def test_accumulated_gradients_are_the_mean_of_the_batches() -> None:
    """With SGD at lr 1 the change of the weights is the gradient."""
    data, changes = Pictures(2), []
    for settings in ({"limit_train_batches": 1}, {}, {"accumulate_grad_batches": 2}):
        task = task_of(dense(batch_norm=False), optimizer=partial(torch.optim.SGD, lr=1.0))
        first = weights(task.net)
        if not settings:  # the second batch alone, at the weights and with the noise it has as the second
            task.optimizer = partial(torch.optim.SGD, lr=0.0)
            task.on_before_optimizer_step = partial(_raise_lr_at, task, 1)
            task.scheduler = lambda optimizer, total: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
        trainer_of(**settings).fit(task, data)
        changes.append(weights(task.net) - first)
    torch.testing.assert_close(changes[2], (changes[0] + changes[1]) / 2)


def _raise_lr_at(task: Any, step: int, optimizer: torch.optim.Optimizer) -> None:
    optimizer.param_groups[0]["lr"] = float(task.trainer.global_step == step)


def test_clipping_bounds_the_gradient_of_each_player() -> None:
    task = task_of(optimizer=partial(torch.optim.SGD, lr=1.0))
    first = [weights(player) for player in (task.net.generator, task.net.discriminator)]
    trainer_of(gradient_clip_val=0.01, limit_train_batches=1).fit(task, Pictures(1))
    for before, player in zip(first, (task.net.generator, task.net.discriminator), strict=True):
        assert (weights(player) - before).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_a_players_loss_reaches_its_own_weights_alone() -> None:
    """A discriminator's loss without slope leaves it where it is, and the generator learns; and the other way round."""
    for silent in ("discriminator", "generator"):
        task = task_of(optimizer=partial(torch.optim.SGD, lr=1.0))
        loss = getattr(task.loss, f"_{silent}")
        setattr(task.loss, f"_{silent}", lambda *logits, loss=loss: 0.0 * loss(*logits))
        first = {name: each.detach().clone() for name, each in task.net.named_parameters()}
        trainer_of(limit_train_batches=1).fit(task, Pictures(1))
        moved = {name for name, each in task.net.named_parameters() if not torch.equal(each, first[name])}
        assert moved == {name for name in first if not name.startswith(silent)}


@pytest.mark.parametrize("norm", ["batch", "layer", "spectral", "none"])
@pytest.mark.parametrize("labels", ["none", "input", "auxiliary"])
def test_every_parameter_learns(norm: str, labels: str) -> None:
    net = DCGAN(2, 8, 3, latent_size=4, channels=[4, 8], discriminator_norm=norm, labels=labels)
    task = task_of(net, diffaug=True, r1=0.1)
    first = {name: each.detach().clone() for name, each in net.named_parameters()}
    trainer_of(3).fit(task, Pictures(3))
    assert [name for name, each in net.named_parameters() if torch.equal(each, first[name])] == []
    assert all(each.requires_grad for each in net.parameters())


@pytest.mark.parametrize(
    "settings", [{}, {"discriminator_steps": 2, "ema_decay": 0.9, "diffaug": True, "discriminator_lr": 0.02}], ids=str
)
def test_a_resumed_run_is_the_run(tmp_path: Path, settings: dict[str, Any]) -> None:
    whole, part, resumed = (task_of(**settings) for _ in range(3))
    trainer_of(4).fit(whole, Pictures(5))
    torch.manual_seed(0)
    trainer = trainer_of(4)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(part, Pictures(5))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert not torch.equal(weights(part.net), weights(whole.net))
    torch.manual_seed(0)
    torch.rand(100)  # the global random state is no part of it
    trainer = trainer_of(4)
    trainer.fit(resumed, Pictures(5), ckpt_path=tmp_path / "last.ckpt")
    assert trainer.global_step == 20
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_average_follows_the_generator_and_makes_the_samples() -> None:
    for warmup, decay in ((False, 0.75), (True, 0.1)):  # the first update has the decay 1 / 10
        task = task_of(ema_decay=0.75, ema_warmup=warmup)
        first = weights(task.net.generator)
        torch.testing.assert_close(weights(task.average), first)
        trainer_of(limit_train_batches=1).fit(task, Pictures(1))
        torch.testing.assert_close(weights(task.average), decay * first + (1 - decay) * weights(task.net.generator))
    made = task.pictures(3)
    for parameter in task.net.generator.parameters():
        parameter.data.zero_()
    assert torch.equal(task.pictures(3), made)
    assert any(name.startswith("average.") for name in task.state_dict())


def test_an_average_goes_on_as_it_was_begun() -> None:
    task = task_of(ema_decay=0.75)
    saved: dict[str, Any] = {}
    task.on_save_checkpoint(saved)
    assert saved["ema_warmup"] is True
    task.on_load_checkpoint({})  # of a run from before there was a warm-up
    assert task.ema_warmup is False


def test_weights_are_clipped_where_that_is_asked() -> None:
    task = task_of(objective="wasserstein", weight_clip=0.01)
    trainer_of().fit(task, Pictures(2))
    assert weights(task.net.discriminator).abs().max().item() == pytest.approx(0.01)
    assert weights(task.net.generator).abs().max() > 0.05


def test_the_gradient_penalty_holds_the_slope_at_one() -> None:
    check_penalty_holds_slope(lr=0.005, repeats=40)


def test_the_discriminator_sees_real_pictures_from_minus_one_to_one() -> None:
    data = Pictures(1)
    data.batches = [((torch.cat([torch.zeros(1, 2, 8, 8), torch.ones(1, 2, 8, 8)]) - MEAN) / STD, torch.zeros(2))]
    task, seen = task_of(), []
    task.net.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    trainer_of().fit(task, data)
    torch.testing.assert_close(seen[0], torch.stack([torch.full((2, 8, 8), -1.0), torch.ones(2, 8, 8)]))
    torch.testing.assert_close(task.state_dict()["pixels.std"], STD)


def test_validation_leaves_training_as_it_is() -> None:
    runs = []
    for batches in (0, 2):
        task = task_of()
        trainer_of(2, limit_val_batches=batches, val_check_interval=0.5).fit(task, Pictures(4))
        runs.append(weights(task.net))
    assert torch.equal(*runs)


def test_what_is_logged() -> None:
    task, trainer = task_of(), trainer_of(limit_val_batches=1.0)
    trainer.fit(task, Pictures(3))
    got = {name: value.item() for name, value in trainer.callback_metrics.items()}
    names = ("loss", "discriminator_loss", "generator_loss", "discriminator_real", "discriminator_generated")
    assert set(got) == {f"{stage}/{name}" for stage in ("train", "val") for name in names}
    for stage in ("train", "val"):
        both = got[f"{stage}/discriminator_loss"] + got[f"{stage}/generator_loss"]
        assert got[f"{stage}/loss"] == pytest.approx(both)
        assert all(0 <= got[f"{stage}/{name}"] <= 1 for name in names[3:])
    trainer.test(task, Pictures(3), verbose=False)
    assert set(trainer.callback_metrics) == {f"test/{name}" for name in names}


@pytest.mark.parametrize("labels", ["none", "input", "auxiliary"])
def test_validation_loses_what_the_definitions_say(labels: str) -> None:
    """The losses of a validation batch, worked from the logits themselves."""
    net = DCGAN(2, 8, 3, latent_size=4, channels=[4, 8], labels=labels)
    task, data, trainer = task_of(net), Pictures(1), trainer_of(limit_val_batches=1.0)
    trainer.fit(task, data)
    task.eval()
    (x, y), noise = data.batches[0], torch.randn(4, 4, generator=task.random_at(0))
    told = () if labels == "none" else (y,)
    with torch.no_grad():
        made, real = net.generator(noise, *told), 2 * (x * STD + MEAN) - 1
        judged = [net.discriminator(pictures, *told) for pictures in (real, made)]
    logits, classes = zip(*(each if labels == "auxiliary" else (each, None) for each in judged), strict=True)
    wrong = [0.0 if labels != "auxiliary" else nn.functional.cross_entropy(each, y).item() for each in classes]
    entropy = nn.functional.binary_cross_entropy_with_logits
    discriminator = entropy(logits[0], torch.ones(4)) + entropy(logits[1], torch.zeros(4)) + sum(wrong)
    got = trainer.callback_metrics
    assert got["val/discriminator_loss"].item() == pytest.approx(discriminator.item(), rel=1e-5)
    generator = entropy(logits[1], torch.ones(4)) + wrong[1]
    assert got["val/generator_loss"].item() == pytest.approx(generator.item(), rel=1e-5)
    assert got["val/discriminator_real"].item() == pytest.approx((logits[0] > 0).float().mean().item())


def test_a_conditional_net_needs_labels() -> None:
    with pytest.raises(ValueError, match=r"targets are torch\.float32 .*one label for each sample; try data=digits"):
        trainer_of().fit(task_of(dense(conditional=True)), Pictures(1, labelled=False))
    trainer_of().fit(task_of(), Pictures(1, labelled=False))


@pytest.mark.parametrize("name", ["acgan", "wgan_gp"])
def test_a_variant_trains_from_the_command(train: Any, name: str) -> None:
    few = ["callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64", "model.channels=[8,16]"]
    check_trains(train, name, *few)


def test_a_loss_that_is_no_number_ends_the_run(train: Any) -> None:
    done = train("model=gan_tiny", "optimizer.lr=1e30", "trainer.max_epochs=2", "logger=none")
    assert done.code != 0 and "is NaN" in done.err and "try a smaller optimizer.lr" in done.err, done.err
