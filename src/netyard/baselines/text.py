"""Labelled texts as weights of n-grams of their tokens (TF-IDF), in sparse rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from netyard.baselines.models import Model
from netyard.baselines.rows import MOST_SCORED, MOST_TRAINED, MOST_VALIDATED, Part, Parts
from netyard.tasks.interfaces import has_split

_PADDING = 0  # of the data sets of tokens, at the end of a text
_LONGEST = {"characters": 4}  # n-grams of characters; of words and byte pairs 2
_MOST_GRAMS = 200_000
_SEED = 0


def grams_of(data: Any) -> int:
    """The longest n-grams."""
    return _LONGEST.get(str(getattr(data, "tokens", "")), 2)


def parts_of(data: Any, stage: str) -> Parts:
    """The texts of each part as sparse rows, by the n-grams and document frequencies of the training part."""
    names = {"train": MOST_TRAINED, "val": MOST_VALIDATED, stage: MOST_SCORED}
    raw = {name: texts_of(data, name, most) for name, most in names.items() if has_split(data, name)}
    grams = Grams(grams_of(data)).fit(raw["train"][0])
    weights = weights_of(grams, raw["train"][0])
    parts = {name: Part(weights.transform(grams.counts(x)), y, total) for name, (x, y, total) in raw.items()}
    return Parts(parts["train"], parts.get("val"), parts[stage])


def texts_of(data: Any, name: str, most: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Tokens int64 (N, T) and classes (N,) of up to ``most`` texts in random order, and how many there are."""
    split = data.split(name)
    order = np.random.default_rng(_SEED).permutation(len(split))[:most]
    return split.x.cpu().numpy()[order], split.y.cpu().numpy()[order], len(split)


def weights_of(grams: Grams, tokens: np.ndarray) -> Any:
    """The weights of n-grams by the training texts, int64 (N, T), that they occur in."""
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(sublinear_tf=True).fit(grams.counts(tokens))


class Grams:
    """The n-grams of tokens up to a length that occur in two training texts at least; single tokens in one."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.vocabulary: list[np.ndarray] = []

    def fit(self, tokens: np.ndarray) -> Grams:
        """tokens: int64 (N, T), padded by 0."""
        self.size = int(tokens.max(initial=0)) + 1
        self.vocabulary = []
        for length in range(1, self.longest + 1):
            rows, keys = self._keys(tokens, length)
            # Each text counts once.
            pairs = np.unique(np.stack([keys, rows]), axis=1)[0] if len(keys) else keys
            found, texts = np.unique(pairs, return_counts=True)
            kept = found[texts >= min(length, 2)]
            self.vocabulary.append(kept[:_MOST_GRAMS])
        return self

    def counts(self, tokens: np.ndarray) -> Any:
        """How often each text has each n-gram: a sparse float64 matrix (N, number of n-grams)."""
        from scipy.sparse import csr_matrix, hstack

        blocks = []
        for length, known in enumerate(self.vocabulary, start=1):
            rows, keys = self._keys(tokens, length)
            place = np.searchsorted(known, keys)
            found = place < len(known)
            found[found] = known[place[found]] == keys[found]
            shape = (len(tokens), len(known))
            blocks.append(csr_matrix((np.ones(int(found.sum())), (rows[found], place[found])), shape=shape))
        return hstack(blocks).tocsr()

    def _keys(self, tokens: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Row and number of each n-gram. Numbers wrap around where the vocabulary is large, which may merge n-grams."""
        steps = tokens.shape[1] - length + 1
        if steps < 1:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        keys, whole = np.zeros((len(tokens), steps), dtype=np.int64), np.ones((len(tokens), steps), dtype=bool)
        for place in range(length):
            part = tokens[:, place : place + steps]
            keys = keys * self.size + np.minimum(part, self.size)
            whole &= part != _PADDING
        rows, _ = np.nonzero(whole)
        return rows, keys[whole]


def models(num_classes: int, rows: int) -> list[Model]:
    """The models of sparse rows."""
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC

    neighbours = [{"n_neighbors": count} for count in (1, 5, 15, 45) if count <= rows] or [{"n_neighbors": 1}]
    return [
        Model("majority", lambda: DummyClassifier(strategy="most_frequent")),
        Model(
            "nearest_neighbours",
            lambda **given: KNeighborsClassifier(algorithm="brute", metric="cosine", **given),
            neighbours,
            min(2, len(neighbours) - 1),
        ),
        Model(
            "logistic_regression",
            lambda **given: LogisticRegression(max_iter=100, random_state=0, **given),
            [{"C": penalty} for penalty in (1.0, 10.0, 100.0)],
            1,
            lambda sizes: 200_000 / sizes.outputs,
        ),
        Model(
            "support_vector_machine",
            lambda **given: LinearSVC(random_state=0, **given),
            [{"C": penalty} for penalty in (0.1, 1.0, 10.0)],
            1,
            lambda sizes: 200_000 / sizes.outputs,
        ),
    ]
