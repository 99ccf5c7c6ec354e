"""Equal facts have one hash, in any order, process and machine."""

from __future__ import annotations

import pytest
import torch

from netyard.io.fingerprint import fingerprint


def test_equal_values_have_equal_fingerprints():
    weights = {"b": torch.ones(2), "a": torch.zeros(2, 3)}
    turned = {"a": torch.zeros(3, 2).T, "b": torch.ones(2)}
    one = fingerprint(data="digits", weights=weights, size=[8, 8], flip=None)
    assert one == fingerprint(flip=None, size=(8, 8), weights=turned, data="digits")
    assert len(one) == 32 and int(one, 16)


def test_fingerprint_is_stable_across_processes():
    """Written down: a change of it would leave every file of every user unread."""
    assert fingerprint(data="digits", seed=0, weights={"w": torch.arange(4.0)}) == "0f98c5c4c0d89e8578156f88bb970b82"


def test_different_values_have_different_fingerprints():
    facts: list[object] = [
        None, 0, 1, True, 1.0, "1", b"1", "", [], {}, [1], [[1]], [1, 1], ["ab", "c"], ["a", "bc"], {"a": 1}, ["a", 1],
        torch.zeros(2), torch.zeros(2, dtype=torch.float64), torch.zeros(2, 1), torch.zeros(1), torch.zeros(()),
        torch.tensor([0.0, -0.0]), torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bool),
    ]  # fmt: skip
    assert len({fingerprint(fact=fact) for fact in facts} | {fingerprint(other=1)}) == len(facts) + 1


def test_unsupported_type_has_no_fingerprint():
    with pytest.raises(ValueError, match=r"a set has no fingerprint; facts are .*; try"):
        fingerprint(names={"a", "b"})
