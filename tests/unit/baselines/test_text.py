"""Labelled texts as n-grams: the weights of scikit-learn, and models of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from netyard.baselines import classes, text
from netyard.data.text.labelled_text import LabelledText

TOKENS = np.array([[4, 5, 6, 0], [4, 5, 4, 5], [6, 5, 4, 0], [7, 0, 0, 0], [0, 0, 0, 0]])


def test_weights_are_those_of_scikit_learn() -> None:
    words = [" ".join(str(token) for token in row if token) for row in TOKENS]
    pairs = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\d+").fit(words[:3])
    kept = [gram for gram in pairs.vocabulary_ if " " not in gram or sum(gram in each for each in words[:3]) > 1]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\d+", vocabulary=sorted(kept), sublinear_tf=True)
    wanted = vectorizer.fit(words[:3]).transform(words).toarray()
    data = SimpleNamespace(
        tokens="words",
        split=lambda name: _Split(TOKENS[:3] if name == "train" else TOKENS),
        has_split=lambda name: name != "val",
    )
    grams = text.Grams(2).fit(TOKENS[:3])
    assert sorted(map(len, grams.vocabulary)) == sorted([3, len(kept) - 3])
    parts = text.parts_of(data, "test")
    order = np.random.default_rng(0).permutation(5)
    found = parts.scored.x.toarray()
    assert np.sort(found, axis=1) == pytest.approx(np.sort(wanted[order], axis=1))


class _Split:
    """A split of tokens."""

    def __init__(self, tokens: np.ndarray) -> None:
        self.x, self.y = torch.from_numpy(tokens), torch.arange(len(tokens))

    def __len__(self) -> int:
        return len(self.x)


def test_texts_are_told_apart_and_texts_without_words_are_no_error(tmp_path) -> None:
    path = tmp_path / "texts.csv"
    lines = [f'"this film is {"good and fine" if n % 2 else "bad and poor"} {n % 5}",{n % 2}' for n in range(80)]
    path.write_text("\n".join(["text,label", *lines, '"?!",1', '"-",0']))
    data = LabelledText(path=str(path), column="text", target="label")
    data.setup()
    found = classes.scores(SimpleNamespace(num_outputs=2), data, "test")
    assert {*found.values["accuracy"]} == {
        "majority",
        "nearest_neighbours",
        "logistic_regression",
        "support_vector_machine",
    }
    assert found.values["accuracy"]["logistic_regression"] > 0.9
