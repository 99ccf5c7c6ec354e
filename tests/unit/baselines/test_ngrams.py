"""n-grams: probabilities that sum to 1, counted by hand, and the targets of a network's test."""

from __future__ import annotations

import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from netyard.baselines import ngrams
from netyard.data.text.text_file import TextFile

TEXT = "abracadabra, abracadabra; a barb at a bar, a crab at a cab" * 3
SIZE = 12


def tokens(text: str) -> np.ndarray:
    letters = sorted({*TEXT})
    return np.array([letters.index(each) + 1 for each in text])


def by_hand(trained: list[int], context: list[int], token: int, order: int, discount: float, top: bool = True) -> float:
    """Interpolated Kneser-Ney by its formula."""
    if order == 0:
        return 1 / SIZE
    context = context[len(context) - order + 1 :] if order > 1 else []
    grams = Counter(tuple(trained[i : i + order]) for i in range(len(trained) - order + 1))
    if not top:  # the number of different tokens before each
        longer = {tuple(trained[i : i + order + 1]) for i in range(len(trained) - order)}
        grams = Counter(each[1:] for each in longer)
    after = {gram[-1]: count for gram, count in grams.items() if [*gram[:-1]] == context}
    lower = by_hand(trained, context[1:] if context else [], token, order - 1, discount, top=False)
    if len(context) < order - 1 or not after:
        return lower
    return (max(after.get(token, 0) - discount, 0) + discount * len(after) * lower) / sum(after.values())


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_are_those_of_the_formula(order: int) -> None:
    tested = tokens("a cat; abba barb")
    model = ngrams.Ngrams(SIZE, 4).fit(tokens(TEXT))
    model.order = order
    trained = tokens(TEXT).tolist()
    wanted = [
        by_hand(trained, tested[:place].tolist(), int(tested[place]), order, 0.75)
        for place in range(order - 1, len(tested))
    ]
    found = model.probabilities(tested)
    # The first tokens have a shorter context than n-grams of the order need.
    assert found[max(order - 2, 0) :] == pytest.approx(wanted[1 if order == 1 else 0 :])


def test_the_probabilities_of_all_tokens_sum_to_1() -> None:
    model = ngrams.Ngrams(SIZE, 4).fit(tokens(TEXT))
    model.tune(tokens("a bar at a crab"))
    context = tokens("abra")
    total = sum(model.probabilities(np.append(context, token))[-1] for token in range(SIZE))
    assert total == pytest.approx(1.0)


def test_every_target_of_a_network_is_scored(tmp_path) -> None:
    path = tmp_path / "song.txt"
    path.write_text(TEXT * 5)
    data = TextFile(path=str(path), batch_size=2, sequence_length=8)
    data.setup()
    found = ngrams.scores(SimpleNamespace(num_outputs=data.vocab_size), data, "test")
    perplexity, bits = found.values["perplexity"]["ngram"], found.values["bits_per_character"]["ngram"]
    assert bits == pytest.approx(math.log2(perplexity))  # a token is a character
    assert 1 < perplexity < 3
    assert (found.subset, found.tested) == (None, None)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_texts_are_no_error(length: int) -> None:
    model = ngrams.Ngrams(SIZE, 8).fit(tokens(TEXT[:length]))
    model.tune(tokens("a"))
    assert np.isfinite(np.log(model.probabilities(tokens("abc")))).all()
