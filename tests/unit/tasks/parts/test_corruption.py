"""Noise: the statistics it promises, and draws of its own."""

from __future__ import annotations

import pytest
import torch

from netyard.tasks.parts.corruption import NOISES, check_noise_level, corrupt

X = torch.full((100, 1, 30, 30), 0.25)  # 90,000 numbers


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_gaussian_noise_has_the_standard_deviation_asked_for() -> None:
    noise = corrupt(X, "gaussian", 0.5, generator=seeded()) - X
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.std().item() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("level", [0.1, 0.3, 0.8])
def test_masking_puts_a_share_to_zero_and_leaves_the_rest(level: float) -> None:
    noisy = corrupt(X, "masking", level, generator=seeded())
    assert (noisy == 0).float().mean().item() == pytest.approx(level, abs=0.01)
    assert set(noisy.unique().tolist()) == {0.0, 0.25}


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-2.0, 2.0)])
def test_salt_and_pepper_fall_like_a_coin(low: float, high: float) -> None:
    noisy = corrupt(X, "salt_and_pepper", 0.4, low, high, generator=seeded())
    assert (noisy == low).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert (noisy == high).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert set(noisy.unique().tolist()) == {low, 0.25, high}


@pytest.mark.parametrize(("noise", "wanted"), [("masking", {0.0}), ("salt_and_pepper", {0.0, 1.0})])
def test_a_level_of_one_strikes_everything_and_of_none_nothing(noise: str, wanted: set[float]) -> None:
    assert set(corrupt(X, noise, 1.0).unique().tolist()) == wanted
    assert torch.equal(corrupt(X, noise, 0.0), X)


@pytest.mark.parametrize("noise", NOISES)
def test_a_generator_decides_alone_and_leaves_torchs_own(noise: str) -> None:
    x, before = X.clone(), torch.get_rng_state()
    one, same, other = (corrupt(x, noise, 0.5, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same) and torch.equal(one, other) == (noise == "none")
    assert torch.equal(x, X), "the input is left as it was"
    assert one.dtype == x.dtype and one.shape == x.shape


def test_without_a_generator_the_runs_seed_decides() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append([corrupt(X, "gaussian", 1.0) for _ in range(2)])
    assert torch.equal(drawn[0][0], drawn[1][0]) and not torch.equal(*drawn[0])


@pytest.mark.parametrize(
    ("noise", "level", "message"),
    [
        ("masking", 1.1, r"noise_level is 1.1 and noise masking; .* from 0 to 1; try task\.noise_level=0\.3"),
        ("salt_and_pepper", -0.1, "noise_level is -0.1 and noise salt_and_pepper"),
    ],
)
def test_a_refusal_has_three_parts(noise: str, level: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_noise_level(noise, level)


def test_what_can_be_is_let_through() -> None:
    for noise, level in (("none", 9.0), ("gaussian", 2.0), ("masking", 1.0), ("salt_and_pepper", 0.0)):
        check_noise_level(noise, level)
