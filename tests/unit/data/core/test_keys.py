"""Random numbers as pure functions: exact, uniform, independent."""

from __future__ import annotations

import pytest
import torch

from netyard.data.core.keys import beta, fold, integers, permutation, sample_keys, uniform

INDEX = torch.arange(20_000)


def test_hash_is_splitmix64() -> None:
    # The first outputs of the reference implementation seeded with 1234567 (Vigna, splitmix64.c).
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    state = torch.tensor(1234567)
    assert [int(fold(state, draw)) % 2**64 for draw in range(4)] == expected


def test_number_and_tensor_fold_alike() -> None:
    keys = sample_keys(3, 1, INDEX[:10])
    assert torch.equal(fold(keys, 7), fold(keys, torch.tensor(7)))
    assert torch.equal(uniform(keys[:, None], torch.arange(5))[:, 4], uniform(keys, 4))


def test_bits_are_pinned() -> None:
    """A change here changes the order and augmentation of every run: make it on purpose or not at all."""
    assert sample_keys(0, 0, torch.arange(3)).tolist() == [
        2558736989570252433,
        -533072482827883436,
        5125111896206277188,
    ]
    assert permutation(8, seed=1, epoch=2).tolist() == [6, 7, 2, 0, 5, 1, 4, 3]


@pytest.mark.parametrize("seed", [0, -1, 2**63, 2**64 + 5])
def test_any_integer_is_a_seed(seed: int) -> None:
    assert len(sample_keys(seed, 0, INDEX).unique()) == len(INDEX)


def test_uniform_is_uniform() -> None:
    values = uniform(sample_keys(0, 0, INDEX), 0)
    assert values.min() >= 0 and values.max() < 1
    counts = torch.histc(values, bins=20, min=0, max=1)
    chi_square = ((counts - 1000) ** 2 / 1000).sum()
    assert chi_square < 50  # 19 degrees of freedom: exceeded once in ten thousand


def test_draws_epochs_seeds_and_neighbours_are_uncorrelated() -> None:
    keys = sample_keys(0, 0, INDEX)
    streams = [
        uniform(keys, 0),
        uniform(keys, 1),
        uniform(keys, 0).roll(1),
        uniform(sample_keys(0, 1, INDEX), 0),
        uniform(sample_keys(1, 0, INDEX), 0),
    ]
    correlation = torch.corrcoef(torch.stack(streams)) - torch.eye(len(streams))
    assert correlation.abs().max() < 0.03


def test_integers_cover_their_range_evenly() -> None:
    values = integers(sample_keys(0, 0, INDEX), 0, 7)
    counts = torch.bincount(values)
    assert len(counts) == 7 and (counts - len(INDEX) / 7).abs().max() < 250


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0])
def test_beta_has_its_moments(alpha: float) -> None:
    values = beta(sample_keys(0, 0, INDEX), 3, alpha)
    assert values.isfinite().all() and values.min() >= 0 and values.max() <= 1
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.var() - 1 / (4 * (2 * alpha + 1))) < 0.01


def test_permutation() -> None:
    first, second = permutation(1000, 0, 0), permutation(1000, 0, 1)
    assert torch.equal(first.sort().values, torch.arange(1000))
    assert torch.equal(first, permutation(1000, 0, 0))
    assert not torch.equal(first, second)
    assert not torch.equal(first, permutation(1000, 1, 0))


def test_global_generator_is_untouched() -> None:
    before = torch.get_rng_state()
    permutation(100, 0)
    beta(sample_keys(0, 0, INDEX[:5]), 0, 0.2)
    assert torch.equal(before, torch.get_rng_state())


def test_draws_of_beta_are_pinned() -> None:
    values = beta(sample_keys(0, 0, torch.arange(4)), 3, 0.4)
    torch.testing.assert_close(values, torch.tensor([0.320265, 0.003928, 0.248122, 0.892057]), atol=1e-5, rtol=0)


def test_a_key_that_no_round_accepts_gets_one_half() -> None:
    # Jöhnk's method accepts a pair with probability (5!)^2 / 10! = 0.004, and some 12 % of keys within 32 rounds.
    halves = beta(sample_keys(0, 0, INDEX[:2000]), 0, 5.0) == 0.5
    assert 0.8 < halves.double().mean() < 0.95


def test_an_order_is_of_the_first_epoch_where_none_is_named() -> None:
    assert torch.equal(permutation(50, 3), permutation(50, 3, 0))


def test_nothing_is_made_on_another_device_than_the_keys_are_on() -> None:
    index = torch.arange(5)
    with torch.device("meta"):  # the default device of what names none
        keys = sample_keys(0, 0, index)
        made = [keys, uniform(keys, 0), integers(keys, 0, 7), beta(keys, 0, 0.4), permutation(5, 0)]
    assert [each.device.type for each in made] == ["cpu"] * 5
    assert permutation(5, 0, device="meta").device.type == "meta"
