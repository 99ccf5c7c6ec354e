"""Mutates checkpoints, and checks that no mutation is accepted as valid."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from netyard.errors import CheckpointError
from netyard.training import checkpoint


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Return the content with a bit flipped, or bytes overwritten, zeroed, cut off, removed or inserted."""
    made, at = bytearray(content), draw.randrange(len(content))
    length = draw.choice([1, 4, 64, 1000])
    match draw.randrange(6):
        case 0:
            made[at] ^= 1 << draw.randrange(8)
        case 1:
            made[at : at + length] = draw.randbytes(len(made[at : at + length]))
        case 2:
            made[at : at + length] = bytes(len(made[at : at + length]))
        case 3:
            del made[at:]
        case 4:
            del made[at : at + length]
        case _:
            made[at:at] = draw.randbytes(length)
    return bytes(made)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def seen_through(path: Path, times: int, draw: random.Random) -> int:
    """Return how many mutations of a checkpoint with a manifest are refused."""
    whole, count = path.read_bytes(), 0
    for _ in range(times):
        broken = mutated(whole, draw)
        path.write_bytes(broken)
        try:
            checkpoint.read(path)
        except CheckpointError as error:
            count += broken != whole and f"{path.name} is broken" in str(error)
        else:
            count += broken == whole
    path.write_bytes(whole)
    assert checkpoint.read(path)
    return count


def never_wrong(path: Path, times: int, draw: random.Random) -> tuple[int, int]:
    """Return how many mutations of a checkpoint without a manifest are refused, and how many are read unchanged."""
    whole, wanted, refused, as_it_was = path.read_bytes(), checkpoint.read(path), 0, 0
    for _ in range(times):
        path.write_bytes(mutated(whole, draw))
        try:
            found = checkpoint.read(path)
        except CheckpointError:
            refused += 1
        else:
            as_it_was += same(found, wanted)
    return refused, as_it_was
