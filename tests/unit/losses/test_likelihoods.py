"""Likelihoods of pixels, against torch.distributions and sums over everything a pixel can be."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import distributions as D

from netyard.losses.likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    Likelihood,
    bernoulli_log_prob,
    discretized_logistic_log_prob,
    gaussian_log_prob,
)

SHAPE = (3, 2, 4, 5)


def test_bernoulli_of_black_and_white_is_that_of_torch() -> None:
    logits, pixels = torch.randn(SHAPE) * 3, torch.bernoulli(torch.full(SHAPE, 0.4))
    wanted = D.Independent(D.Bernoulli(logits=logits), 3).log_prob(pixels)
    torch.testing.assert_close(bernoulli_log_prob(logits, pixels), wanted)


def test_bernoulli_of_grey_is_the_expectation_over_pictures_drawn_from_it() -> None:
    logit, pixel = torch.tensor([[0.7]]), torch.tensor([[0.25]])
    black, white = (bernoulli_log_prob(logit, torch.tensor([[value]])) for value in (0.0, 1.0))
    torch.testing.assert_close(bernoulli_log_prob(logit, pixel), 0.75 * black + 0.25 * white)


def test_the_gradient_of_bernoulli_is_pixel_minus_probability() -> None:
    logits, pixels = torch.randn(SHAPE, requires_grad=True), torch.rand(SHAPE)
    bernoulli_log_prob(logits, pixels).sum().backward()
    torch.testing.assert_close(logits.grad, pixels - logits.detach().sigmoid())


@pytest.mark.parametrize("std", [0.3, torch.rand(SHAPE) + 0.1])
def test_gaussian_is_that_of_torch(std: Any) -> None:
    mean, pixels = torch.randn(SHAPE), torch.randn(SHAPE)
    wanted = D.Independent(D.Normal(mean, std), 3).log_prob(pixels)
    torch.testing.assert_close(gaussian_log_prob(mean, std, pixels), wanted)


@pytest.mark.parametrize("max_value", [1, 16, 255])
@pytest.mark.parametrize("log_scale", [-7.0, -3.0, 0.0, 2.0])
@pytest.mark.parametrize("mean", [-0.4, 0.0, 0.503, 1.2])
def test_the_levels_of_a_discretized_logistic_add_up_to_one(mean: float, log_scale: float, max_value: int) -> None:
    levels = torch.arange(max_value + 1)[:, None, None, None] / max_value
    ones = torch.ones_like(levels)
    log_prob = discretized_logistic_log_prob(mean * ones, log_scale * ones, levels, max_value)
    assert log_prob.isfinite().all()
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=2e-4)


def test_a_level_has_what_the_logistic_puts_between_its_neighbours() -> None:
    mean, scale, max_value = 0.4, 0.1, 16
    logistic = D.TransformedDistribution(
        D.Uniform(torch.tensor(0.0).double(), torch.tensor(1.0).double()),
        [D.SigmoidTransform().inv, D.AffineTransform(mean, scale)],
    )
    for level in (0, 1, 6, 15, 16):
        x = torch.tensor(level / max_value, dtype=torch.float64)
        high = logistic.cdf(x + 1 / 32) if level < 16 else torch.tensor(1.0)
        low = logistic.cdf(x - 1 / 32) if level > 0 else torch.tensor(0.0)
        pixel = torch.full((1, 1), level / max_value)
        got = discretized_logistic_log_prob(
            torch.full((1, 1), mean), torch.full((1, 1), math.log(scale)), pixel, max_value
        )
        assert got.item() == pytest.approx((high - low).log().item(), rel=1e-4)


def test_a_far_tail_has_a_finite_probability_and_gradient() -> None:
    mean = torch.full((1, 1), -50.0, requires_grad=True)
    log_prob = discretized_logistic_log_prob(mean, torch.full((1, 1), -3.0), torch.full((1, 1), 0.5), 16)
    (slope,) = torch.autograd.grad(log_prob.sum(), mean)
    assert log_prob.isfinite() and slope.item() == pytest.approx(math.exp(3), rel=1e-3)


@pytest.mark.parametrize(
    ("likelihood", "parameters", "mean"),
    [
        (Bernoulli(), [0.0], 0.5),
        (Gaussian(), [0.3], 0.3),
        (Gaussian(2), [0.3, 9.0], 0.3),
        (DiscretizedLogistic(max_value=16), [0.3, 9.0], 0.3),
    ],
)
def test_the_parameters_of_a_pixel_are_channels_the_first_ones_first(
    likelihood: Likelihood, parameters: list[float], mean: float
) -> None:
    maps = torch.cat([torch.full((2, 3, 4, 4), each) for each in parameters], dim=1)
    assert maps.shape[1] == 3 * likelihood.num_parameters
    torch.testing.assert_close(likelihood.mean(maps), torch.full((2, 3, 4, 4), mean))
    assert likelihood(maps, torch.rand(2, 3, 4, 4)).shape == (2,)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(), Gaussian(2), DiscretizedLogistic(max_value=16)])
def test_the_likelihood_is_largest_at_the_sample(likelihood: Likelihood) -> None:
    """Gradient ascent from anywhere ends where the mean is the picture."""
    torch.manual_seed(0)
    pixels = likelihood.prepare(torch.rand(1, 1, 3, 3) * 0.8 + 0.1)
    parameters = torch.randn(1, likelihood.num_parameters, 3, 3, requires_grad=True)
    optimizer = torch.optim.Adam([parameters], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (-likelihood(parameters, pixels).sum()).backward()
        optimizer.step()
    torch.testing.assert_close(likelihood.mean(parameters.detach()), pixels, atol=0.05, rtol=0)


def test_a_fixed_deviation_and_a_smallest_one() -> None:
    mean, pixels = torch.rand(SHAPE), torch.rand(SHAPE)
    torch.testing.assert_close(Gaussian(std=0.2)(mean, pixels), gaussian_log_prob(mean, 0.2, pixels))
    least = Gaussian(2, min_std=0.05)(torch.cat([mean, torch.full(SHAPE, -1e4)], dim=1), pixels)
    torch.testing.assert_close(least, gaussian_log_prob(mean, 0.05, pixels))


def test_binarized_by_threshold_or_by_chance() -> None:
    pixels = torch.tensor([-1e-7, 0.2, 0.6, 1.0000001]).repeat(2000, 1)
    assert Bernoulli(binarize="threshold").prepare(pixels)[0].tolist() == [0, 0, 1, 1]
    drawn = Bernoulli(binarize="sample").prepare(pixels, torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {0, 1}
    torch.testing.assert_close(drawn.mean(dim=0), torch.tensor([0.0, 0.2, 0.6, 1.0]), atol=0.03, rtol=0)
    again = Bernoulli(binarize="sample").prepare(pixels, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)
    assert Bernoulli().prepare(pixels).max() == 1
    assert [Bernoulli(binarize=each).discrete for each in (False, "threshold", "sample")] == [False, True, True]


def test_pixels_are_put_back_on_their_levels() -> None:
    pixels = torch.tensor([[0.03, 0.5000001, 1.1]])
    assert DiscretizedLogistic(max_value=16).prepare(pixels).tolist() == [[0.0, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bernoulli(2), r"num_parameters is 2; it must be 1; try loss\.num_parameters=1"),
        (lambda: Bernoulli(binarize="yes"), r"binarize is 'yes'; .* false, threshold, sample; try loss\.binarize="),
        (lambda: Gaussian(3), "num_parameters is 3; it must be one of 1, 2; "),
        (lambda: Gaussian(std=0.0), r"std is 0\.0; it must be a number above 0; try loss\.std=0\.1"),
        (lambda: Gaussian(min_std=-1.0), r"min_std is -1\.0; it must be a number above 0; try loss\.min_std"),
        (lambda: DiscretizedLogistic(1), "num_parameters is 1; it must be 2; "),
        (lambda: DiscretizedLogistic(max_value=0), r"max_value is 0; .* whole number .*; try loss\.max_value=255"),
    ],
)
def test_an_error_message_has_three_parts(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_settings_where_none_are_given() -> None:
    assert (Gaussian().std, Gaussian().min_std, DiscretizedLogistic().max_value) == (0.1, 0.02, 255)
    assert DiscretizedLogistic(max_value=1).max_value == 1, "black and white"
    with pytest.raises(ValueError, match=r"max_value is 2\.5; it must be a whole number"):
        DiscretizedLogistic(max_value=2.5)  # type: ignore[arg-type]


def test_a_deviation_is_of_the_mean_s_dtype_and_device() -> None:
    mean = torch.zeros(2, 3, dtype=torch.float64)
    with torch.device("meta"):  # the default device of what names none
        found = gaussian_log_prob(mean, 0.1, mean)
    assert found.device.type == "cpu"
    exact = 3 * (-math.log(0.1) - 0.5 * math.log(2 * math.pi))  # in float64: 0.1 is not that of float32
    torch.testing.assert_close(found, torch.full((2,), exact, dtype=torch.float64), rtol=1e-14, atol=0)


def test_the_learned_deviation_rises_with_its_number() -> None:
    mean, std = Gaussian(2)._mean_and_std(torch.tensor([[0.5, 0.0]]))
    assert (mean.item(), std.item()) == pytest.approx((0.5, 0.02 + math.log(2)))


def test_a_grey_picture_stays_grey_where_nothing_is_binarized() -> None:
    pixels = torch.tensor([[0.5, 0.25]], dtype=torch.float64)
    assert Bernoulli().prepare(pixels).tolist() == [[0.5, 0.25]]
    cut = Bernoulli(binarize="threshold").prepare(pixels)
    assert cut.tolist() == [[0.0, 0.0]] and cut.dtype == torch.float64, "one half is not above one half"


def test_levels_and_means_stay_within_black_and_white() -> None:
    likelihood = DiscretizedLogistic(max_value=16)
    assert likelihood.prepare(torch.tensor([[-0.3, 1.7]])).tolist() == [[0.0, 1.0]]
    assert likelihood.mean(torch.tensor([[-0.3, 1.7, 0.0, 0.0]])).tolist() == [[0.0, 1.0]]


def test_a_gaussian_draws_with_its_deviation_and_images_are_means() -> None:
    parameters = torch.cat([torch.full((20_000, 1), 3.0), torch.zeros(20_000, 1)], dim=1)
    likelihood = Gaussian(2)
    drawn = likelihood.sample(parameters, torch.Generator().manual_seed(0))
    assert drawn.shape == (20_000, 1)
    assert drawn.mean().item() == pytest.approx(3, abs=0.03)
    assert drawn.std().item() == pytest.approx(0.02 + math.log(2), abs=0.02)  # softplus(0) is log 2
    assert torch.equal(drawn, likelihood.sample(parameters, torch.Generator().manual_seed(0)))
    logits = torch.randn(2, 1, 4, 4)
    assert torch.equal(Bernoulli().sample(logits, torch.Generator()), logits.sigmoid())
