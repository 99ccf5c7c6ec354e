"""Identical samples in two splits, found by hashes of their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import combinations

from netyard.data.core.tensors import Split, TensorSplit

MAX_BYTES = 256_000_000  # of all splits together; hashing them takes about half a second
MAX_SAMPLES = 500_000


def between_splits(splits: Mapping[str, Split]) -> tuple[dict[str, int] | None, str]:
    """Count identical samples in each pair of splits: the same inputs and the same target.

    Returns:
        ``{"train-test": n, ...}`` with the number of samples of the second split that are in the first one, too, and
        an empty text; or None and the reason why they were not counted.
    """
    held = {name: split for name, split in splits.items() if isinstance(split, TensorSplit) and split.x.ndim > 1}
    if len(held) < len(splits):
        return None, "the splits have no separate samples"
    samples, size = sum(map(len, held.values())), sum(split.num_bytes for split in held.values())
    if samples > MAX_SAMPLES or size > MAX_BYTES:
        limit = f"{MAX_SAMPLES:,} samples and {MAX_BYTES // 1_000_000} MB"
        return None, f"more than {limit}, the most that are compared"
    return count({name: _hashes(split) for name, split in held.items()}), ""


def count(hashes: Mapping[str, Iterable[bytes]]) -> dict[str, int]:
    """Of the hashes of each split, those of the second split of each pair that are in the first one, too."""
    listed = {name: list(each) for name, each in hashes.items()}
    known = {name: set(each) for name, each in listed.items()}
    order = [name for name in ("train", "val", "test") if name in listed]
    return {
        f"{first}-{second}": sum(each in known[first] for each in listed[second])
        for first, second in combinations(order, 2)
    }


def _hashes(split: TensorSplit) -> Iterator[bytes]:
    # Not Python's own hash, of 64 bits: a collision would be reported as a duplicate that nobody can find.
    for first in range(0, len(split), 4096):
        x, y = (each[first : first + 4096].cpu().contiguous().numpy() for each in (split.x, split.y))
        for inputs, target in zip(x, y, strict=True):
            yield blake2b(inputs.tobytes() + target.tobytes(), digest_size=16).digest()
