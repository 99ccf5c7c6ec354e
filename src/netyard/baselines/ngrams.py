"""The baseline of language models: n-grams of tokens, smoothed by absolute discounting as by Kneser & Ney (1995)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from netyard.baselines.scores import Scores
from netyard.tasks.interfaces import HasSplits, TokenStream, has_split

VERSION = 2
LONGEST = {"characters": 8}  # tokens of the longest n-grams; of words and byte pairs 4
DISCOUNTS = (0.5, 0.75, 0.9)
_MOST_TRAINED, _MOST_VALIDATED, _MOST_SCORED = 2_000_000, 200_000, 1_000_000  # tokens, from the beginning of a part


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The size of the vocabulary, the characters of its tokens, and the length of the n-grams."""
    lengths = data.token_lengths().tolist() if isinstance(data, TokenStream) else []
    return {"tokens": task.num_outputs, "lengths": lengths, "longest": _longest(data)}


def _longest(data: Any) -> int:
    return LONGEST.get(str(getattr(data, "tokens", "")), 4)


def scores(task: Any, data: Any, stage: str) -> Scores:
    """Perplexity and bits per character of the same targets as a network's: all tokens of the part but the first."""
    if not (isinstance(data, TokenStream) and isinstance(data, HasSplits)):
        return Scores({}, "min")
    parts = {name: data.split(name).x.cpu().numpy() for name in ("train", "val", stage) if has_split(data, name)}
    model = Ngrams(task.num_outputs, _longest(data)).fit(parts["train"][:_MOST_TRAINED])
    validated = model.tune(parts["val"][:_MOST_VALIDATED]) if "val" in parts else None
    text = parts[stage][:_MOST_SCORED]
    nll = -np.log(model.probabilities(text)).mean()
    characters = data.token_lengths().numpy()[text[1:]].mean()
    values = {"perplexity": math.exp(nll)} | (
        {"bits_per_character": nll / characters / math.log(2)} if characters else {}
    )
    trained, total = min(len(parts["train"]), _MOST_TRAINED), len(parts["train"])
    return Scores(
        {metric: {"ngram": float(value)} for metric, value in values.items()},
        "min",
        trained if trained < total else None,
        len(text) - 1 if len(text) < len(parts[stage]) else None,
        {"ngram": {"n": model.order, "discount": model.discount}},
        {"ngram": {"validated": validated}},
    )


@dataclass
class _Level:
    """The n-grams of one length in the training text, by the number of the n-gram without its last token."""

    keys: np.ndarray
    """Ascending: number of the context times the size of the vocabulary, plus the token."""
    counts: np.ndarray
    extensions: np.ndarray
    """The number of different tokens that come before each in the training text."""

    def table(self, values: np.ndarray, size: int, contexts: int) -> tuple[np.ndarray, np.ndarray]:
        """The sum of values, and the number of positive ones, after each context."""
        after = self.keys // size
        return (
            np.bincount(after, weights=values, minlength=contexts),
            np.bincount(after, weights=values > 0, minlength=contexts),
        )


class Ngrams:
    """Probabilities of the next token, interpolated between n-grams of all lengths up to ``order``.

    The n-grams of ``order`` are weighed by their counts, shorter ones by the number of different tokens before them.
    ``discount`` is subtracted of each and given to the shorter one; single tokens are mixed with equal probabilities.
    """

    def __init__(self, size: int, longest: int) -> None:
        self.size, self.longest = size, longest
        self.order, self.discount = min(3, longest), 0.75
        self.levels: list[_Level] = []

    def fit(self, tokens: np.ndarray) -> Ngrams:
        """Count the n-grams of a text, int64 (N,)."""
        self.levels, numbers = [], np.zeros(len(tokens), dtype=np.int64)
        for length in range(1, self.longest + 1):
            if length > len(tokens):
                break
            # The context of a token is the n-gram that ends before it.
            context = np.zeros(len(tokens), dtype=np.int64) if length == 1 else np.roll(numbers, 1)
            places = np.arange(length - 1, len(tokens))
            keys, first, inverse, counts = np.unique(
                context[places] * self.size + tokens[places], return_index=True, return_inverse=True, return_counts=True
            )
            if self.levels:  # each different n-gram extends its last tokens, an n-gram of the level before
                suffixes = numbers[places[first]]
                self.levels[-1].extensions = np.bincount(suffixes, minlength=len(self.levels[-1].keys))
            self.levels.append(_Level(keys, counts, counts))
            numbers = np.full(len(tokens), -1, dtype=np.int64)
            numbers[places] = inverse
        self.order = min(self.order, len(self.levels))
        return self

    def tune(self, tokens: np.ndarray) -> float | None:
        """Choose length and discount by the perplexity of a validation text, int64 (N,), and return it."""
        if len(tokens) < 2:
            return None
        found = {}
        for discount in DISCOUNTS:
            for order, values in enumerate(self._by_order(tokens, discount), start=1):
                found[order, discount] = float(np.log(values).mean())
        self.order, self.discount = max(found, key=found.__getitem__)
        return math.exp(-found[self.order, self.discount])

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """The probability of each token of a text but the first, given those before it: float64 (N - 1,)."""
        return self._by_order(tokens, self.discount, self.order)[-1]

    def _by_order(self, tokens: np.ndarray, discount: float, most: int | None = None) -> list[np.ndarray]:
        """Probabilities with the longest n-grams of 1, 2, ... tokens."""
        lower = np.full(len(tokens), 1 / self.size)
        found, numbers = [], np.zeros(len(tokens), dtype=np.int64)
        contexts = 1
        for length, level in enumerate(self.levels[:most], start=1):
            context = np.zeros(len(tokens), dtype=np.int64) if length == 1 else np.roll(numbers, 1)
            if length > 1:
                context[0] = -1
            keys = context * self.size + tokens
            place = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
            known = (context >= 0) & (level.keys[place] == keys)
            arguments = (level, lower, context, np.where(known, place, -1), contexts, discount)
            found.append(self._mixed(level.counts, *arguments)[1:])
            lower = self._mixed(level.extensions, *arguments)
            numbers, contexts = np.where(known, place, -1), len(level.keys)
        return found

    def _mixed(
        self,
        values: np.ndarray,
        level: _Level,
        lower: np.ndarray,
        context: np.ndarray,
        place: np.ndarray,
        contexts: int,
        discount: float,
    ) -> np.ndarray:
        totals, kinds = level.table(values, self.size, contexts)
        total = np.where(context >= 0, totals[context], 0.0)
        seen = total > 0
        own = np.where(place >= 0, np.maximum(values[place] - discount, 0.0), 0.0)
        rest = discount * kinds[context]
        return np.where(seen, (own + rest * lower) / np.where(seen, total, 1.0), lower)
