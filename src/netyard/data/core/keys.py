"""Random numbers as pure functions of (seed, epoch, index), without any state.

Each sample has a key in each epoch, and a random number is a hash of the key and of the number of the draw. It does not
depend on the batch, the number of workers, the rank, or on where a run was resumed. The hash is SplitMix64
(Steele, Lea & Flood 2014) in wrapping int64 arithmetic, so the bits are the same on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The purpose is hashed into the key, so that the order and the augmentation of an epoch are independent.
SAMPLE, ORDER, SPLIT, CONTENT, BALANCE = range(5)

_BETA_ROUNDS = 32  # fixed: a loop until all samples are accepted would wait for the device


def _int64(number: int) -> int:
    """An integer modulo 2**64, as the signed number that an int64 tensor holds."""
    return (number + 2**63) % 2**64 - 2**63


# Increment and multipliers of SplitMix64.
_GOLDEN = _int64(0x9E3779B97F4A7C15)
_MIX_1 = _int64(0xBF58476D1CE4E5B9)
_MIX_2 = _int64(0x94D049BB133111EB)


def _shift(bits: Tensor, places: int) -> Tensor:
    """Logical right shift: torch's ``>>`` copies the sign bit of an int64."""
    return (bits >> places) & ((1 << (64 - places)) - 1)


def fold(key: Tensor, number: Tensor | int) -> Tensor:
    """A new key from a key and a number; int64 of any two shapes that broadcast."""
    # A Python integer stays a scalar: no copy to the device.
    step = (number + 1) * _GOLDEN
    bits = key + (_int64(step) if isinstance(step, int) else step)
    bits = (bits ^ _shift(bits, 30)) * _MIX_1
    bits = (bits ^ _shift(bits, 27)) * _MIX_2
    return bits ^ _shift(bits, 31)


def sample_keys(seed: int, epoch: int, index: Tensor, purpose: int = SAMPLE) -> Tensor:
    """The key of each sample in an epoch: int64 (B,) -> int64 (B,)."""
    root = torch.tensor(_int64(seed), device=index.device)
    return fold(fold(fold(root, purpose), epoch), index)


def uniform(key: Tensor, draw: Tensor | int) -> Tensor:
    """Float32 in [0, 1) on a grid of 2**-24, in the shape that key and draw broadcast to."""
    # 24 bits: as many as the mantissa of a float32 has, so that no value is rounded up to 1.
    return _shift(fold(key, draw), 40).float() * 2.0**-24


def integers(key: Tensor, draw: Tensor | int, high: int) -> Tensor:
    """Int64 in [0, high), for ``high`` up to 2**31."""
    # A multiplication of 31 random bits instead of a modulo; the product fits into an int64.
    return (_shift(fold(key, draw), 33) * high) >> 31


def beta(key: Tensor, draw: int, alpha: float) -> Tensor:
    """Float32 (B,) from Beta(alpha, alpha), by Jöhnk's rejection (1964) in a fixed number of rounds.

    For ``alpha`` up to 1 fewer than one key in 10**9 is accepted in no round; its value is 0.5.
    """
    rounds = torch.arange(_BETA_ROUNDS, device=key.device)
    key = fold(key, draw)[:, None]
    # In logarithms, because u ** (1 / alpha) underflows for the small alphas that are usual for mixup.
    first, second = ((1 - uniform(key, rounds + half * _BETA_ROUNDS)).log() / alpha for half in (0, 1))
    accepted = torch.logaddexp(first, second) <= 0
    chosen = accepted.int().argmax(dim=1, keepdim=True)  # the first accepted round: argmax returns the first maximum
    value = torch.sigmoid(first - second).gather(1, chosen).squeeze(1)
    return torch.where(accepted.any(dim=1), value, 0.5)


def permutation(num_samples: int, seed: int, epoch: int = 0, device: torch.device | str = "cpu") -> Tensor:
    """A permutation of 0 .. num_samples - 1, int64: the samples sorted by their hash."""
    index = torch.arange(num_samples, device=device)
    return sample_keys(seed, epoch, index, ORDER).argsort(stable=True)
