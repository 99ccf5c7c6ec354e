"""Q-learning: how an agent explores and acts, its scores, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netyard.losses.returns import ScalarReturn
from netyard.models.q_network import QNetwork
from netyard.tasks.q_learning.acting import greedy_policy, interquartile_mean
from netyard.tasks.q_learning.chain import Chain, numpy_choice
from support.q_learning_task import task_of


def test_epsilon_falls_in_a_fraction_of_the_run() -> None:
    task = task_of(epsilon_start=0.9, epsilon_end=0.1, epsilon_fraction=0.5, warmup_steps=100)
    task._run_steps = 1000
    assert [task.epsilon(step) for step in (0, 99)] == [1.0, 1.0]
    assert [task.epsilon(step) for step in (100, 250, 500, 900)] == pytest.approx([0.74, 0.5, 0.1, 0.1])
    task = task_of(epsilon_start=1.0, epsilon_end=0.01, epsilon_fraction=0.5, epsilon_schedule="exponential")
    task._run_steps, task.exploration.warmup_steps = 1000, 0
    assert task.epsilon(250) == pytest.approx(0.1)


def test_numpy_chooses_as_the_net_does() -> None:
    torch.manual_seed(0)
    net = QNetwork((4,), 3, hidden_sizes=[8, 8])
    act = greedy_policy(net, lambda q: q, torch.device("cpu"))
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    assert act.__name__ == "fast"
    assert np.array_equal(act(x), net(torch.from_numpy(x)).argmax(1).numpy())
    with torch.no_grad():
        net.advantage[-1].bias[2] += 100
    assert (act(x) == 2).all(), "its weights are the net's own"
    for other in (QNetwork((4,), 3, dueling=True), QNetwork((4,), 3, noisy=True), QNetwork((4,), 3, activation="tanh")):
        assert greedy_policy(other, lambda q: q, torch.device("cpu")).__name__ == "slow"


def test_numpy_does_not_warn_of_the_flag_that_blas_may_set() -> None:
    """OpenBLAS sets it at random; infinity times 0 sets it always."""
    layer = np.array([[np.inf], [1.0]], np.float32), np.zeros(1, np.float32)
    assert numpy_choice([layer], np.array([[0.0, 1.0]], np.float32)).tolist() == [0]


@pytest.mark.parametrize(
    ("net", "found"),
    [
        (QNetwork((4,), 3, hidden_sizes=[8, 8]), True),
        (QNetwork((4,), 3, hidden_sizes=[]), True),
        (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), True),
        (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.ReLU()), False),
        (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3, bias=False)), False),
        (nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)), False),
        (QNetwork((4,), 3, num_atoms=2), False),
        (QNetwork((1, 10, 10), 3), False),
        (QNetwork((4,), 3).double(), False),
    ],
)
def test_a_net_is_taken_for_a_chain_only_if_it_is_one(net: nn.Module, found: bool) -> None:
    assert (Chain.of(net) is not None) == found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 100])
def test_the_interquartile_mean_is_that_of_values_repeated_four_times(count: int) -> None:
    values = torch.randn(count, dtype=torch.float64)
    repeated = values.repeat_interleave(4).sort().values
    torch.testing.assert_close(interquartile_mean(values), repeated[count : 3 * count].mean())


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"collect_steps": 3, "updates_per_step": 0.25}, r"whole number.*try task\.collect_steps=4"),
        ({"collect_steps": 1, "updates_per_step": 0.25}, r"whole number"),
        ({"epsilon_schedule": "cubic"}, r"one of linear, exponential; try task\.epsilon_schedule="),
        ({"epsilon_schedule": "exponential", "epsilon_end": 0.0}, r"above 0"),
        ({"loss": nn.CrossEntropyLoss()}, r"loss"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(keys: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        task_of(**keys)


def test_a_scalar_loss_is_one_of_each() -> None:
    loss = ScalarReturn(nn.MSELoss())
    found = loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.5]), torch.tensor([5.0, 4.0]))
    assert found.tolist() == [1.0, 1.0]
