"""A hash of facts of any plain kind: what two runs have in common if their hashes are equal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netyard.errors import ArgumentError


def fingerprint(**facts: Any) -> str:
    """A hash, 32 hexadecimal digits, of named facts: plain values, tensors, and lists and mappings of them.

    Equal facts give equal fingerprints in any order, process and machine; a tensor counts with its type and shape, so
    ``fingerprint(data="digits", split="train", weights=net.state_dict())`` changes with any bit of a weight.

    Raises:
        ArgumentError: a fact of another kind.
    """
    digest = hashlib.sha256()
    _absorb(digest, facts)
    return digest.hexdigest()[:32]


def _absorb(digest: Any, fact: Any) -> None:
    """Feed a fact to the digest with its kind and length in front, so that no two facts read alike."""
    if isinstance(fact, Tensor):
        flat = fact.detach().cpu().contiguous().flatten()
        digest.update(f"tensor {fact.dtype} {tuple(fact.shape)} ".encode())
        digest.update(flat.view(torch.uint8).numpy())
    elif isinstance(fact, Mapping):
        digest.update(f"mapping {len(fact)} ".encode())
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
