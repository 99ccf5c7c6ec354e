"""Keys and random numbers of samples are the same bits on a GPU."""

from __future__ import annotations

import torch

from netyard.data.core.keys import integers, permutation, sample_keys, uniform

INDEX = torch.arange(20_000)


def test_same_bits_on_cuda() -> None:
    keys = sample_keys(5, 3, INDEX)
    on_cuda = sample_keys(5, 3, INDEX.cuda())
    assert torch.equal(on_cuda.cpu(), keys)
    assert torch.equal(uniform(on_cuda, 2).cpu(), uniform(keys, 2))
    assert torch.equal(integers(on_cuda, 2, 9).cpu(), integers(keys, 2, 9))
    assert torch.equal(permutation(1000, 5, 3, "cuda").cpu(), permutation(1000, 5, 3))
