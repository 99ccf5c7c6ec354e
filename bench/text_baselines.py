"""Bits per character without a network, on the same split: an n-gram model, and what zlib makes of the test part.

    python bench/text_baselines.py [overrides]        for instance data.max_characters=null

The n-gram model of order 5 predicts a token from the five before it; each order is interpolated with the one below by
Witten & Bell's rule (1991), the lowest with the uniform distribution. It is fitted to the training part, on tokens, as
a network is. zlib compresses the test part alone, at its best level, window 32 KiB.
"""

from __future__ import annotations

import math
import sys
import zlib

import numpy as np

from netyard.config.compose import compose
from netyard.config.instantiate import build

ORDER = 5


def grams(tokens: np.ndarray, order: int, vocab_size: int) -> np.ndarray:
    """Each token behind the first ``ORDER`` with the ``order`` before it, as one number."""
    code = np.zeros(len(tokens) - ORDER, dtype=np.int64)
    for place in range(ORDER - order, ORDER + 1):
        code = code * vocab_size + tokens[place : len(tokens) - ORDER + place]
    return code


def look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key among sorted ones; 0 where it is not there."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def ngram_nats(train: np.ndarray, test: np.ndarray, vocab_size: int) -> float:
    """Mean nats of a test token."""
    probability = np.full(len(test) - ORDER, 1 / vocab_size)
    for order in range(ORDER + 1):
        seen, counts = np.unique(grams(train, order, vocab_size), return_counts=True)
        contexts, first = np.unique(seen // vocab_size, return_index=True)
        totals, kinds = np.add.reduceat(counts, first), np.diff([*first, len(seen)])
        code = grams(test, order, vocab_size)
        count = look_up(seen, counts, code)
        total, different = (look_up(contexts, each, code // vocab_size) for each in (totals, kinds))
        known = np.maximum(total + different, 1)
        probability = np.where(total > 0, (count + different * probability) / known, probability)
    return float(-np.log(probability).mean())


def main() -> None:
    cfg, _ = compose(["model=lstm", "data=python_source", *sys.argv[1:]])
    data = build(cfg.data)
    train, test = (data.split(name).x.numpy() for name in ("train", "test"))
    vocab_size = data.facts()["vocab_size"]
    text = data.decode(data.split("test").x)
    characters_per_token = len(text) / len(test)
    nats = ngram_nats(train, test, vocab_size)
    print(f"{len(train):,} training and {len(test):,} test tokens of {vocab_size}; {len(text):,} test characters")
    print(f"order-{ORDER} n-gram, Witten-Bell  {nats / characters_per_token / math.log(2):.3f} bits per character")
    print(f"zlib, level 9                {8 * len(zlib.compress(text.encode(), 9)) / len(text):.3f} bits per character")


if __name__ == "__main__":
    main()
