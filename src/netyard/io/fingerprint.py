"""A hash of plain values and tensors: equal hashes mean equal values, in another run or process too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netyard.errors import ArgumentError


def fingerprint(**facts: Any) -> str:
    """Return a hash (32 hexadecimal digits) of named values: plain types, tensors, and lists and mappings of them.

    Equal values give equal hashes in any order, process and machine; dtype and shape of a tensor are part of it. So
    ``fingerprint(data="digits", split="train", weights=net.state_dict())`` changes with any bit of a weight.

    Raises:
        ArgumentError: a value has another type.
    """
    digest = hashlib.sha256()
    _absorb(digest, facts)
    return digest.hexdigest()[:32]  # 128 bits: a collision is out of the question, and names stay short


def _absorb(digest: Any, fact: Any) -> None:
    """Add a value to the digest, with type and length in front: ["ab", "c"] and ["a", "bc"] must differ."""
    if isinstance(fact, Tensor):
        flat = fact.detach().cpu().contiguous().flatten()
        digest.update(f"tensor {fact.dtype} {tuple(fact.shape)} ".encode())
        # The bytes, not the numbers: -0.0 and 0.0 differ, NaN equals itself, and bfloat16 has no NumPy type.
        digest.update(flat.view(torch.uint8).numpy())
    elif isinstance(fact, Mapping):
        digest.update(f"mapping {len(fact)} ".encode())
        # By repr: keys of different types cannot be compared.
        for name, value in sorted(fact.items(), key=lambda item: repr(item[0])):
            _absorb(digest, name)
            _absorb(digest, value)
    elif isinstance(fact, list | tuple):
        digest.update(f"list {len(fact)} ".encode())
        for value in fact:
            _absorb(digest, value)
    elif fact is None or isinstance(fact, bool | int | float | str | bytes):
        text = repr(fact).encode()
        digest.update(f"{type(fact).__name__} {len(text)} ".encode() + text)
    else:
        raise ArgumentError(
            f"a {type(fact).__name__} has no fingerprint;",
            "facts are numbers, texts, tensors, and lists and mappings of them;",
            "try str(...).",
        )
