"""Q-learning: against exact values, step by step by hand, resumed, and what is refused."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from netyard.cli import main
from netyard.data.environments.experience import Experience
from netyard.data.environments.replay import Transitions
from netyard.losses.returns import CategoricalReturn, QuantileReturn
from netyard.models.q_network import QNetwork
from netyard.tasks.q_learning.gradients import AnalyticGradient, AutogradGradient
from netyard.tasks.q_learning.q_learning import QLearning
from netyard.training.context import keep_facts
from support.environments import COUNTING, MASKED
from support.q_learning_task import (
    EXACT,
    check_exact_values,
    check_finds_way,
    check_mistake,
    data_of,
    task_of,
    trainer_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*GPU available but not used")
AGENTS = ["c51"]  # and all in tests/campaign


def test_steps_are_those_of_the_environment() -> None:
    task, trainer = task_of(collect_steps=4, updates_per_step=0.5, warmup_steps=20), trainer_of(2)
    trainer.fit(task, data_of())
    assert trainer.global_step == 400
    assert task.updates == 2 * (400 - 20) // 4 + 2
    trainer = trainer_of(-1, max_steps=130)
    trainer.fit(task_of(), data := data_of())
    assert trainer.global_step == 130 == data._replay.added


def test_several_environments_share_the_steps() -> None:
    task, trainer = task_of(collect_steps=5, updates_per_step=0.2, warmup_steps=10), trainer_of()
    trainer.fit(task, data := data_of(num_envs=5))
    assert trainer.global_step == 200 == data._replay.added
    assert task.updates == 40 - 1
    task = task_of(collect_steps=2, updates_per_step=0.5, warmup_steps=0)
    trainer_of().fit(task, data_of(num_envs=10))
    assert task.updates == (200 - 10) // 2, "several collections at each step of all"


def opened(task: QLearning, **keys: Any) -> Experience:
    """Everything as it is when training begins, so that single updates can be tried."""
    data = data_of(**keys)

    class Stop(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> int:
            return -1

    trainer_of(callbacks=[Stop()], limit_val_batches=0).fit(task, data)
    return data


def batch(weight: torch.Tensor | None = None) -> Transitions:
    torch.manual_seed(1)
    discount = torch.tensor([0.9, 0.9, 0.0, 0.9, 0.0, 0.9])
    return Transitions(
        torch.randn(6, 4), torch.arange(6) % 2, torch.randn(6), discount, torch.randn(6, 4), weight, None
    )


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.HuberLoss(delta=0.3), nn.SmoothL1Loss()], ids=str)
@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_update_is_the_one_of_the_paper(double: bool, weighted: bool, by_hand: bool, loss: nn.Module) -> None:
    task = task_of(double=double, loss=loss)
    opened(task)
    bootstrap = task._bootstrap
    assert isinstance(bootstrap.gradient, AutogradGradient if isinstance(loss, nn.SmoothL1Loss) else AnalyticGradient)
    if not by_hand:
        bootstrap.gradient, bootstrap.target_chain = (
            AutogradGradient(task.net, bootstrap.loss, bootstrap._weights),
            None,
        )
    for parameter in task.target_net.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape))
    weight = torch.rand(6) if weighted else None
    observation, action, reward, discount, after, *_ = sample = batch(weight)
    expected = torch.zeros(())
    for row in range(6):
        target_values, own_values = task.target_net(after[row : row + 1])[0], task.net(after[row : row + 1])[0]
        best = own_values.argmax() if double else target_values.argmax()
        target = (reward[row] + discount[row] * target_values[best]).detach()
        value = task.net(observation[row : row + 1])[0, action[row]]
        expected = expected + (1.0 if weight is None else weight[row]) * loss(value, target) / 6
    slopes = torch.autograd.grad(expected, list(task.net.parameters()))
    bootstrap._step = lambda: None
    with torch.no_grad():
        bootstrap.update(sample)
    torch.testing.assert_close(bootstrap.gradient.losses(), [expected.detach()])
    assert bootstrap.gradient.losses() == []
    for parameter, slope in zip(task.net.parameters(), slopes, strict=True):
        torch.testing.assert_close(parameter.grad, slope)


@pytest.mark.parametrize("analytic", [True, False])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("kind", ["value", "noisy", "categorical", "quantile"])
def test_the_target_is_of_the_best_valid_action(kind: str, double: bool, analytic: bool) -> None:
    atoms = {"categorical": 7, "quantile": 5}.get(kind, 1)
    net = QNetwork((4,), 2, hidden_sizes=[16], noisy=kind == "noisy", num_atoms=atoms)
    loss = {"categorical": CategoricalReturn(7, -2, 2), "quantile": QuantileReturn(5)}.get(kind, nn.MSELoss())
    task = task_of(net, loss, double=double)
    opened(task)
    bootstrap = task._bootstrap
    if not analytic:
        bootstrap.gradient, bootstrap.target_chain = AutogradGradient(net, bootstrap.loss, bootstrap._weights), None
    for parameter in task.target_net.parameters():
        parameter.data.add_(0.3 * torch.randn(parameter.shape))
    sample = batch()._replace(next_mask=torch.tensor([[1, 1], [1, 0], [0, 1], [1, 0], [0, 1], [1, 1]]).bool())
    seen: list[torch.Tensor] = []
    set_gradient = bootstrap.gradient.set
    bootstrap.gradient.set = lambda batch, next_outputs: (seen.append(next_outputs), set_gradient(batch, next_outputs))[
        1
    ]
    bootstrap._step = lambda: None
    with torch.no_grad():
        bootstrap.update(sample)
        for row in range(6):
            after = sample.next_observation[row : row + 1]
            target, own = task.target_net(after)[0], task.net(after)[0]
            ranked = task.loss.values(own if double else target)
            valid = [action for action in range(2) if sample.next_mask[row, action]]
            best = max(valid, key=lambda action: float(ranked[action]))
            torch.testing.assert_close(seen[0][row], target[best])


@pytest.mark.parametrize("way", ["info", "method", "key"])
@pytest.mark.parametrize("keys", [{}, {"double": True, "n_steps": 3, "priority_exponent": 0.6}], ids=["plain", "more"])
def test_invalid_actions_are_never_taken_and_a_resumed_run_is_the_run(tmp_path: Path, way: str, keys: dict) -> None:
    class Save(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.fit_loop.epoch_loop.batch_progress.total.processed == 3:
                trainer.save_checkpoint(tmp_path / "stopped.ckpt")

    def task() -> QLearning:
        learner = task_of(QNetwork((6,), 3, hidden_sizes=[16]), warmup_steps=60, epsilon_end=0.2, **keys)
        learner.num_outputs = 3
        return learner

    def data() -> Experience:
        made = data_of(MASKED, options={"way": way}, num_envs=2)
        assert made.facts().items() >= {"input_shape": [6], "num_actions": 3, "action_masks": True}.items()
        return made

    whole, one = task(), data()
    trainer_of(2, callbacks=[Save()]).fit(whole, one)
    resumed, two = task(), data()
    trainer_of(2).fit(resumed, two, ckpt_path=tmp_path / "stopped.ckpt")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert np.array_equal(one._replay.masks, two._replay.masks) and np.array_equal(one.masks, two.masks)
    assert not one._replay.masks.all()
    assert len(one.record_episode(whole.greedy)[0]) > 1


@pytest.mark.parametrize("tau", [1.0, 0.25])
def test_the_target_follows(tau: float) -> None:
    task = task_of(tau=tau, target_every=2)
    opened(task)
    first = [each.clone() for each in task.target_net.parameters()]
    for number in (1, 2):
        with torch.no_grad():
            task._bootstrap.update(batch())
        for old, own, now in zip(first, task.net.parameters(), task.target_net.parameters(), strict=True):
            torch.testing.assert_close(now, old if number == 1 else old + tau * (own - old))


def test_gradients_are_clipped_as_the_trainer_says() -> None:
    task = task_of(warmup_steps=50)
    norms = []

    class Look(L.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            if task.updates:
                norms.append(torch.cat([each.grad.flatten() for each in task.net.parameters()]).norm())

    trainer_of(gradient_clip_val=0.01, callbacks=[Look()]).fit(task, data_of())
    assert len(norms) >= 3 and max(norms) <= 0.01 * 1.001


@pytest.mark.parametrize(
    ("net", "keys", "stop"),  # in the middle of an epoch, at its end, and in the next; all are in the campaign
    [
        ({}, {"gradient_clip_val": 10.0}, 4),
        ({}, {"double": True, "n_steps": 3, "priority_exponent": 0.6, "tau": 0.1, "target_every": 1}, 6),
        ({"noisy": True, "dueling": True}, {"epsilon_start": 0.0, "epsilon_end": 0.0, "num_envs": 5}, 3),
    ],
    ids=["plain", "prioritized", "noisy"],
)
def test_a_resumed_run_is_the_run(tmp_path: Path, net: dict, keys: dict, stop: int) -> None:
    keys = dict(keys)
    environments = {"num_envs": keys.pop("num_envs")} if "num_envs" in keys else {}
    clip = {"gradient_clip_val": keys.pop("gradient_clip_val")} if "gradient_clip_val" in keys else {}

    class Save(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.fit_loop.epoch_loop.batch_progress.total.processed == stop:
                trainer.save_checkpoint(tmp_path / "stopped.ckpt")

    def task() -> QLearning:
        torch.manual_seed(0)
        return task_of(
            QNetwork((4,), 2, hidden_sizes=[16, 16], **net),
            collect_steps=5,
            updates_per_step=0.4,
            warmup_steps=60,
            **keys,
        )

    whole, one = task(), data_of(**environments)
    trainer_of(2, callbacks=[Save()], **clip).fit(whole, one)
    resumed, two = task(), data_of(**environments)
    torch.manual_seed(5)
    trainer = trainer_of(2, **clip)
    trainer.fit(resumed, two, ckpt_path=tmp_path / "stopped.ckpt")
    assert trainer.global_step == 400 and whole.updates == resumed.updates
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    states = [each.optimizers().state_dict()["state"] for each in (whole, resumed)]
    for index, name in itertools.product(states[0], ("exp_avg", "exp_avg_sq", "step")):
        assert torch.equal(states[0][index][name], states[1][index][name])
    assert torch.equal(one._replay.frames, two._replay.frames)
    assert np.array_equal(one.observations, two.observations)
    if one._replay.priorities is not None:
        assert np.array_equal(one._replay.priorities.values(), two._replay.priorities.values())


@pytest.mark.parametrize("keys", EXACT[:2], ids=str)
def test_the_values_of_a_small_world_are_learned_exactly(keys: dict[str, Any]) -> None:
    check_exact_values(keys)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_finds_the_way_in_a_small_world(train, name: str) -> None:
    check_finds_way(train, name)


def test_a_run_says_what_an_agent_does(train, capsys: pytest.CaptureFixture[str]) -> None:
    ran = train(
        "model=dqn", "baselines=false", "trainer.max_epochs=1", "data.steps_per_epoch=1000", "data.steps_per_batch=500"
    )
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert results["task"] == "q_learning" and results["objective"]["name"] == "val/return" and results["steps"] == 1000
    names = {"return", "return_std", "return_iqm", "length"}
    for stage in ("val", "test"):
        assert {f"{stage}/{name}" for name in names} <= set(results["metrics"])
    header = (ran.path / "metrics.csv").read_text().splitlines()[0]
    for name in ("loss", "q_value", "td_error", "epsilon", "updates", "return", "length"):
        assert f"train/{name}" in header
    assert (ran.path / "pictures" / "test_episode.gif").read_bytes()[:4] == b"GIF8"
    assert json.loads((ran.path / "results.json").read_text())["throughput"]["train_samples_per_second"] > 0
    events = EventAccumulator(str(ran.path)).Reload()
    assert [point.step for point in events.Scalars("train/updates_per_second")] == [500, 1000]
    assert [point.step for point in events.Scalars("val/return")] == [1000] and events.Images("test/episode")

    assert main.main(["generate", f"run={ran.path}", "episodes=2", "first=3"]) == 0
    assert (ran.path / "pictures" / "episode_4.gif").read_bytes()[:4] == b"GIF8"
    several = re.findall(r"a return of (\d+)", capsys.readouterr().out)
    assert main.main(["generate", f"run={ran.path}", "first=3", f"output={ran.path / 'one.gif'}"]) == 0
    assert re.findall(r"a return of (\d+)", capsys.readouterr().out) == several[:1], "an episode is its number's"
    assert main.main(["generate", f"run={ran.path}", "episodes=2", "output=one.gif"]) == 2
    assert main.main(["evaluate", f"run={ran.path}", "data.test_episodes=3"]) == 0
    assert main.main(["evaluate", f"run={ran.path}", "data=acrobot"]) == 2
    assert "it was trained for 2 outputs, and the data need 3" in capsys.readouterr().err


def test_a_resumed_run_keeps_the_facts_of_its_environment(train) -> None:
    """Also one of an earlier version, which recorded none but the shape: a matrix had a channel."""
    size = ("data.steps_per_epoch=100", "data.steps_per_batch=100", "data.val_episodes=1", "data.test_episodes=1")
    ran = train("model=dqn", "data=gym", f"data.id={MASKED}", *size, "trainer.max_epochs=1", "logger=none")
    assert ran.code == 0, ran.err
    file = ran.path / "checkpoints" / "last.ckpt"
    saved = torch.load(file, weights_only=True)
    recorded = saved["netyard"]["config"]["data"]
    assert recorded["observation_parts"] and recorded["action_masks"]
    cfg = OmegaConf.create({"data": {**recorded, "input_shape": None, "observation_parts": None, "scaling": "auto"}})
    keep_facts(cfg, {**recorded, "input_shape": [1, 5, 5], "observation_parts": None})
    assert cfg.data.input_shape == [1, 5, 5] and cfg.data.observation_parts is None
    again = train(f"resume={ran.path}", "trainer.max_epochs=2", "trainer.schedule=stretch")
    assert again.code == 0, again.err


def test_a_net_with_batch_norm_and_dropout_acts_as_in_evaluation() -> None:
    layers = [nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)]
    task = task_of(nn.Sequential(*layers), warmup_steps=20, epsilon_end=0.0, epsilon_fraction=0.0)
    trainer_of().fit(task, data_of())
    assert task.updates > 30 and task.net.training and int(task.net[1].num_batches_tracked) == task.updates


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("model=dqn", "data=cifar10"), 2, "model=dqn does not fit data=cifar10, which has no num_actions"),
        (("model=dqn", "data=gym", "data.id=Pendulum-v1"), 2, "environment Pendulum-v1 has the actions Box"),
        (("model=dqn", "data=gym", "data.id=CartPoel-v1"), 2, "did you mean CartPole-v1"),
        (
            ("model=dqn", "data=gym", f"data.id={COUNTING}", "data.options={fault: reward}"),
            3,
            "returned the reward nan",
        ),
        (("model=dqn", "trainer.accumulate_grad_batches=2"), 2, "larger data.batch_size"),
        (("model=dqn", "trainer.max_epochs=-1"), 2, "try trainer.max_steps=50000"),
        (("model=dqn", "data.replay_size=100000000000"), 5, "try data.replay_size="),
    ],
    ids=str,
)
def test_a_mistake_is_one_message(train, words: tuple[str, ...], code: int, said: str) -> None:
    check_mistake(train, words, code, said)
