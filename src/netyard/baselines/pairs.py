"""The baseline of translation: the translation of the training sentence that has most n-grams in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from netyard.baselines.scores import Scores

VERSION = 1
_MOST, _MOST_SCORED = 20_000, 2_000  # sentences
_LONGEST = 3  # tokens of an n-gram
_AT_ONCE = 256
_SEED = 0


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The tokens that end a sentence, and the longest n-gram of BLEU."""
    return {"end": task.end_token, "longest": task.max_length}


def scores(task: Any, data: Any, stage: str) -> Scores:
    """Exact matches and BLEU of the nearest sentences: by the cosine of n-grams, weighted by how rare they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, scored = data.split("train"), data.split(stage)
    sources, targets, total = _pairs(train, _MOST)
    asked, true, total_scored = _pairs(scored, _MOST_SCORED)
    # Tokens are words to it, by their numbers.
    vectorizer = TfidfVectorizer(
        analyzer="word", token_pattern=r"\S+", ngram_range=(1, _LONGEST), lowercase=False, sublinear_tf=True
    )
    known = vectorizer.fit_transform(sources).T.tocsc()
    found: list[int] = []
    for first in range(0, len(asked), _AT_ONCE):
        alike = vectorizer.transform(asked[first : first + _AT_ONCE]) @ known
        found += [int(place) for place in torch.from_numpy(alike.toarray()).argmax(dim=1)]
    predicted = pad_sequence([targets[place] for place in found], batch_first=True)
    measured = task.measured(predicted, pad_sequence(true, batch_first=True))
    return Scores(
        {metric: {"nearest_neighbours": value} for metric, value in measured.items()},
        "max",
        len(sources) if len(sources) < total else None,
        len(asked) if len(asked) < total_scored else None,
    )


def _pairs(split: Any, most: int) -> tuple[list[str], list[Tensor], int]:
    """Sources as texts of token numbers, targets without padding, and how many pairs there are."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(_SEED))[:most]
    chosen = split.take(order)
    sources = [" ".join(str(token) for token in row if token) for row in chosen.x.tolist()]
    return sources, [row[row != 0].cpu() for row in chosen.y], len(split)
