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
from netyard.tasks.q_learning.exploration import RandomActions
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


class Halved(nn.Module):
    """Layers of a chain, but another input."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.float() / 2 if x.dtype == torch.uint8 else x.float())


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.bool_, np.int64, np.int8], ids=str)
@pytest.mark.parametrize("shape", [(12,), (3, 4), (3, 2, 2)], ids=str)
def test_a_chain_does_what_its_net_does_to_every_observation(kind: type, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = (np.random.default_rng(0).normal(size=(20, *shape)) * 3).astype(kind)
    if kind == np.uint8:
        x = np.random.default_rng(0).integers(0, 256, (20, *shape)).astype(kind)
    masks = np.random.default_rng(1).integers(0, 2, (20, 3)).astype(bool)
    masks[:, 0] |= ~masks.any(axis=1)
    for scalings in range(3):
        net = QNetwork(shape, 3, encoder="mlp", hidden_sizes=[16, 8])
        with torch.no_grad():
            net.advantage[-1].weight *= 10.0**scalings
            expected = net(torch.from_numpy(x))
            chain = Chain.of(net)
            assert chain is not None
            torch.testing.assert_close(chain.forward(torch.from_numpy(x))[-1], expected, rtol=1e-4, atol=1e-4)
        act = greedy_policy(net, lambda q: q, torch.device("cpu"))
        assert act.__name__ == "fast"
        assert np.array_equal(act(x), expected.argmax(1).numpy())
        valid = expected.masked_fill(~torch.from_numpy(masks), -torch.inf).argmax(1).numpy()
        assert np.array_equal(act(x, masks), valid) and masks[np.arange(20), act(x, masks)].all()
        assert np.array_equal(act(np.tile(x, (2,) + (1,) * len(shape)))[:20], act(x)), "as in a large batch"


def test_a_net_that_converts_its_input_in_another_way_is_no_chain() -> None:
    assert Chain.of(Halved()) is None


@pytest.mark.parametrize("all_random", [True, False])
def test_random_actions_are_uniform_among_the_valid_ones(all_random: bool) -> None:
    masks = np.array([[True, False, True, True], [False, True, False, False]])
    epsilons = [1.0 if all_random else 0.5] * 4000
    actions = RandomActions(np.random.default_rng(0), epsilons, 2, 4)
    act = lambda observations, masks: np.array([3, 1])  # noqa: E731
    taken = np.stack([actions.actions(number, act, None, masks) for number in range(4000)])
    shares = np.bincount(taken[:, 0], minlength=4) / 4000
    expected = [1 / 3, 0, 1 / 3, 1 / 3] if all_random else [1 / 6, 0, 1 / 6, 4 / 6]
    assert np.abs(shares - expected).max() < 0.03 and (taken[:, 1] == 1).all()


@pytest.mark.parametrize(
    "net", [QNetwork((4,), 3), QNetwork((4,), 3, dueling=True, noisy=True)], ids=["chain", "dueling"]
)
def test_an_exported_policy_takes_masks(net: nn.Module) -> None:
    task = task_of(net, masked=True)
    task.num_outputs = 3
    signature = task.export_signature()
    assert [spec.name for spec in signature.inputs] == ["observation", "action_mask"]
    x, (mask,) = torch.randn(7, 4), signature.more_inputs(7)
    values, action = signature(x, mask)
    assert mask.sum(dim=1).tolist() == [2] * 7 and mask[torch.arange(7), action].all()
    assert np.array_equal(task.greedy(x.numpy(), mask.numpy()), action.numpy())
    assert torch.equal(action, values.masked_fill(~mask, -torch.inf).argmax(1))


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
