"""Losses of returns against slow, obvious ones, and against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netyard.losses.returns import CategoricalReturn, QuantileReturn, ScalarReturn, project, quantile_huber


def slow_projection(probabilities: Tensor, reward: Tensor, discount: Tensor, atoms: Tensor) -> Tensor:
    """Algorithm 1 of the paper, atom by atom."""
    result = torch.zeros_like(probabilities)
    step = float(atoms[1] - atoms[0])
    for row in range(len(probabilities)):
        for index, atom in enumerate(atoms):
            shifted = float(reward[row] + discount[row] * atom)
            shifted = min(max(shifted, float(atoms[0])), float(atoms[-1]))
            place = (shifted - float(atoms[0])) / step
            low, high = int(place // 1), min(int(place // 1) + 1, len(atoms) - 1)
            share = place - low
            result[row, low] += probabilities[row, index] * (1 - share)
            result[row, high] += probabilities[row, index] * share
    return result


def test_the_projection_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    atoms = torch.linspace(-3, 5, 17, dtype=torch.float64)
    probabilities = torch.rand(64, 17, dtype=torch.float64).softmax(1)
    reward, discount = torch.randn(64, dtype=torch.float64) * 3, torch.rand(64, dtype=torch.float64)
    discount[:8] = 0
    found = project(probabilities, reward, discount, atoms)
    torch.testing.assert_close(found, slow_projection(probabilities, reward, discount, atoms))
    torch.testing.assert_close(found.sum(1), torch.ones(64, dtype=torch.float64))
    inside = reward.abs() < 2.9
    inside &= discount == 0
    torch.testing.assert_close((found @ atoms)[inside], reward[inside])


def test_a_projection_by_hand() -> None:
    atoms = torch.tensor([0.0, 1.0, 2.0])
    probabilities = torch.tensor([[0.0, 0.5, 0.5]])
    # 0.25 + 0.5 * {1, 2} = {0.75, 1.25}
    found = project(probabilities, torch.tensor([0.25]), torch.tensor([0.5]), atoms)
    torch.testing.assert_close(found, torch.tensor([[0.125, 0.75, 0.125]]))
    torch.testing.assert_close(
        project(probabilities, torch.tensor([7.0]), torch.tensor([0.0]), atoms), torch.tensor([[0.0, 0.0, 1.0]])
    )


@pytest.mark.parametrize("kappa", [0.0, 1.0, 0.5])
def test_the_quantile_loss_is_that_of_the_paper(kappa: float) -> None:
    torch.manual_seed(0)
    quantiles, targets = torch.randn(6, 5), torch.randn(6, 7)
    slow = torch.zeros(6)
    for row in range(6):
        for i in range(5):
            for j in range(7):
                error = float(targets[row, j] - quantiles[row, i])
                if kappa == 0:
                    size = abs(error)
                elif abs(error) <= kappa:
                    size = 0.5 * error * error / kappa
                else:
                    size = (kappa * (abs(error) - 0.5 * kappa)) / kappa
                slow[row] += abs((i + 0.5) / 5 - (error < 0)) * size / 7
    torch.testing.assert_close(quantile_huber(quantiles, targets, kappa), slow)


def test_quantile_regression_finds_the_quantiles() -> None:
    torch.manual_seed(0)
    samples = torch.randn(1, 4000).exp()
    quantiles = nn.Parameter(torch.zeros(1, 4))
    optimizer = torch.optim.Adam([quantiles], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        quantile_huber(quantiles, samples, kappa=0.0).sum().backward()
        optimizer.step()
    expected = samples[0].quantile(torch.tensor([0.125, 0.375, 0.625, 0.875]))
    torch.testing.assert_close(quantiles[0].detach(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    "loss",
    [CategoricalReturn(21, -2.0, 2.0), QuantileReturn(8), ScalarReturn(nn.HuberLoss()), ScalarReturn(nn.MSELoss())],
    ids=["categorical", "quantile", "huber", "mse"],
)
def test_every_loss_of_returns_pulls_a_value_to_its_target(loss: nn.Module) -> None:
    torch.manual_seed(0)
    atoms = getattr(loss, "num_atoms", 0)
    shape = (1, atoms) if atoms else (1,)
    outputs, after = nn.Parameter(torch.zeros(shape)), torch.randn(shape)
    reward, discount = torch.tensor([0.5]), torch.tensor([0.5])
    expected = 0.5 + 0.5 * loss.values(after)
    optimizer = torch.optim.Adam([outputs], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        each = loss(outputs, reward, discount, after)
        assert each.shape == (1,)
        each.sum().backward()
        optimizer.step()
    torch.testing.assert_close(loss.values(outputs.detach()), expected, atol=0.06, rtol=0)


def test_a_categorical_value_is_the_mean() -> None:
    loss = CategoricalReturn(3, 0.0, 2.0)
    torch.testing.assert_close(loss.values(torch.tensor([[[0.0, 0.0, 0.0]]])), torch.tensor([[1.0]]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: CategoricalReturn(1),
        lambda: CategoricalReturn(5, 1.0, 1.0),
        lambda: QuantileReturn(0),
        lambda: QuantileReturn(5, -1.0),
        lambda: ScalarReturn(nn.CrossEntropyLoss()),
    ],
)
def test_wrong_settings_are_refused(make) -> None:
    with pytest.raises(ValueError, match="try loss"):
        make()


def test_settings_where_none_are_given() -> None:
    loss = CategoricalReturn()
    assert (loss.num_atoms, loss.atoms[0].item(), loss.atoms[-1].item()) == (101, -100.0, 100.0)
    assert (QuantileReturn().num_atoms, QuantileReturn().kappa) == (51, 1.0)
    assert not loss.state_dict(), "atoms are a setting, and no part of a checkpoint"
    quantiles, targets = torch.randn(2, 3), torch.randn(2, 3) * 3
    assert torch.equal(quantile_huber(quantiles, targets), quantile_huber(quantiles, targets, 1.0))


def test_the_smallest_distributions_are_allowed() -> None:
    assert CategoricalReturn(2, 0.0, 1.0).num_atoms == 2
    assert (QuantileReturn(1, 0.0).num_atoms, QuantileReturn(1, 0.5).kappa) == (1, 0.5)


def test_the_value_of_quantiles_is_their_mean() -> None:
    outputs = torch.arange(12.0).view(2, 2, 3)
    assert QuantileReturn(3).values(outputs).tolist() == [[1.0, 4.0], [7.0, 10.0]]


def test_a_quantile_return_has_its_own_kappa() -> None:
    outputs, after, reward, discount = torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1), torch.ones(1)
    found = QuantileReturn(2, kappa=3.0)(outputs, reward, discount, after)
    torch.testing.assert_close(found, quantile_huber(outputs, torch.full((1, 2), 2.0), 3.0))


def test_levels_are_made_where_the_quantiles_are() -> None:
    with torch.device("meta"):  # the default device of what names none
        found = quantile_huber(torch.zeros(1, 2, device="cpu"), torch.ones(1, 2, device="cpu"))
    assert found.device.type == "cpu"


def test_a_quantile_at_its_target_has_no_loss() -> None:
    assert quantile_huber(torch.ones(1, 2), torch.ones(1, 2)).item() == 0


def test_a_loss_of_torch_is_copied_and_not_changed() -> None:
    given = nn.HuberLoss(delta=0.5)
    loss = ScalarReturn(given)
    assert given.reduction == "mean" and loss.elementwise is not given
    outputs, after = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    reward, discount = torch.tensor([0.5, -0.5]), torch.tensor([0.5, 0.0])  # targets 2 and -0.5
    assert loss.values(outputs) is outputs
    assert loss.error(outputs, reward, discount, after).tolist() == [-1.0, 2.5]
    assert loss(outputs, reward, discount, after).tolist() == [0.375, 1.125]  # delta (|e| - delta / 2)
    assert loss.at(torch.tensor([-1.0, 2.5])).tolist() == [0.375, 1.125]


def test_the_slope_of_a_loss_that_is_known_is_that_of_autograd() -> None:
    error = torch.tensor([-2.0, -0.25, 0.0, 0.25, 2.0], requires_grad=True)
    for loss in (ScalarReturn(nn.HuberLoss(delta=0.5)), ScalarReturn(nn.MSELoss())):
        (expected,) = torch.autograd.grad(loss.at(error).sum(), error)
        torch.testing.assert_close(loss.slope(error.detach()), expected)
    assert ScalarReturn(nn.L1Loss()).slope(error) is None


def test_a_loss_without_reduction_is_refused_by_name() -> None:
    class Own(nn.Module):
        def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
            return (prediction - target).square().mean()

    with pytest.raises(ValueError, match=r"^loss Own has no reduction; task q_learning weights each transition; try"):
        ScalarReturn(Own())
    with pytest.raises(ValueError, match=r"^loss CrossEntropyLoss does not"):
        ScalarReturn(nn.CrossEntropyLoss())
