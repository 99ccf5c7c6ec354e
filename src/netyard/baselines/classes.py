"""Baselines of classification: rows of a table, images and sequences as flat rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.baselines import text
from netyard.baselines.models import Fitted, Model, PredictionColumns, Sizes, fit_all, refitted, subset
from netyard.baselines.rows import (
    MOST_TRAINED,
    Part,
    Parts,
    has_rows,
    in_precision,
    parts_of,
    pixel_facts,
    rows_of,
    rows_of_inputs,
)
from netyard.baselines.scores import Scores
from netyard.metrics import class_scores
from netyard.tasks.interfaces import TextData

VERSION = 3
_TREES = 120  # of gradient boosting, one for each class in an iteration; two classes need one
_MOST_COLUMNS = 200  # that a split of gradient boosting chooses from
_WIDE = 1000  # columns, of which each tree takes long even with few rows
_MOST_CLASSES = 30  # of gradient boosting and of the support vector machine, which has a model for each pair


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The number of classes, and how images are normalised."""
    grams = {"grams": text.grams_of(data)} if isinstance(data, TextData) else {}
    return {"classes": task.num_outputs, **grams, **pixel_facts(data)}


def scores(task: Any, data: Any, stage: str) -> Scores:
    """Accuracy, balanced accuracy, F1, and areas under the curves, see ``metrics.class_scores``."""
    if isinstance(data, TextData):
        parts = text.parts_of(data, stage)
        return scores_of(parts, task.num_outputs, text.models(task.num_outputs, len(parts.train)))
    return scores_of(parts_of(data, stage), task.num_outputs) if has_rows(data) else Scores({}, "max")


def scores_of(parts: Parts, num_classes: int, of: Sequence[Model] | None = None) -> Scores:
    """The scores of all models of classes, or of those in ``of``."""
    fitted = fit(parts, num_classes, of)
    values: dict[str, dict[str, float]] = {}
    for each in fitted:
        for metric, value in measured(each.estimator, parts.scored, num_classes).items():
            values.setdefault(metric, {})[each.name] = value
    chosen = {each.name: each.chosen for each in fitted if each.chosen}
    fits = {each.name: each.facts() for each in fitted}
    return Scores(values, "max", subset(fitted, parts), parts.tested, chosen, fits)


def fit(parts: Parts, num_classes: int, of: Sequence[Model] | None = None) -> list[Fitted]:
    """The models, fitted on the training part and tuned by the accuracy of the validation part."""
    return [*fit_all(of or models(parts.train, num_classes), parts, num_classes, accuracy)]


def models(train: Part, num_classes: int) -> list[Model]:
    """The models of classes, for a training part of this size."""
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    forests = 1 if num_classes == 2 else num_classes
    wide = train.x.shape[1] > _WIDE
    iterations = min(max(_TREES // forests, 10), 100) // (2 if wide else 1)
    neighbours = [{"n_neighbors": count} for count in (1, 3, 5, 15) if count <= len(train)] or [{"n_neighbors": 1}]
    found = [
        Model("majority", lambda: DummyClassifier(strategy="most_frequent")),
        Model(
            "nearest_neighbours",
            lambda **given: KNeighborsClassifier(algorithm="brute", **given),
            neighbours,
            min(2, len(neighbours) - 1),
            lambda sizes: 5e10 / (sizes.columns * max(sizes.scored, 1)),
        ),
        Model(
            "logistic_regression",
            lambda **given: LogisticRegression(max_iter=100, **given),
            [{"C": penalty} for penalty in (0.03, 0.3, 3.0)],
            1,
            lambda sizes: 2e7 / (sizes.columns * sizes.outputs),
        ),
        Model(
            "decision_tree",
            lambda **given: DecisionTreeClassifier(random_state=0, **given),
            [{"max_depth": depth} for depth in (4, 8, None)],
            1,
            lambda sizes: 2e6 / sizes.columns,
        ),
    ]
    if num_classes > _MOST_CLASSES:
        return found
    return [
        *found,
        Model(
            "gradient_boosting",
            lambda **given: HistGradientBoostingClassifier(
                max_iter=iterations,
                max_leaf_nodes=15,
                max_bins=63,
                max_features=share_of_columns(train),
                early_stopping=False,
                random_state=0,
                **given,
            ),
            [{"learning_rate": 0.1 if iterations > 50 else 0.3}],
            0,
            lambda sizes: 1.5e9 / (min(sizes.columns, _MOST_COLUMNS) * iterations * forests),
        ),
        Model(
            "support_vector_machine",
            lambda **given: SVC(random_state=0, **given),
            [{"C": penalty} for penalty in (1.0, 10.0)],
            0,
            most_of_kernel,
        ),
    ]


def share_of_columns(train: Part) -> float:
    """The share of columns that a split of gradient boosting chooses from: of thousands, each tree takes seconds."""
    return min(1.0, _MOST_COLUMNS / train.x.shape[1])


def most_of_kernel(sizes: Sizes) -> float:
    """The training samples of a support vector machine: its time grows with their square, and with those scored."""
    return min(5000.0, (2e9 / sizes.columns) ** 0.5, 5e9 / (sizes.columns * max(sizes.scored, 1)))


def accuracy(estimator: Any, part: Part) -> float:
    """The share of samples whose class is predicted."""
    return float((estimator.predict(part.x) == part.y).mean())


def measured(estimator: Any, part: Part, num_classes: int) -> dict[str, float]:
    """The scores of one model on a part."""
    labels, predicted = torch.from_numpy(part.y).long(), torch.from_numpy(estimator.predict(part.x)).long()
    confusion = torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, -1)
    certainty = torch.from_numpy(certainties(estimator, part, num_classes))
    found = class_scores.scores(class_scores.NAMES, confusion, certainty, labels)
    accuracy = (predicted == labels).mean(dtype=torch.float32)
    return {"accuracy": float(accuracy), **{name: float(value) for name, value in found.items()}}


def certainties(estimator: Any, part: Part, num_classes: int) -> np.ndarray:
    """For each class a number that is large for its samples, in [0, 1]: float64 (N, num_classes)."""
    if len(estimator.classes_) == 1:
        values = np.ones((len(part), 1))
    elif hasattr(estimator, "predict_proba"):
        values = estimator.predict_proba(part.x)
    else:
        values = estimator.decision_function(part.x)
        if values.ndim == 1:
            values = np.stack([-values, values], axis=1)
        # Areas depend on the order alone, which this keeps; outside of [0, 1] they would be taken for logits.
        values = 0.5 + np.arctan(values) / np.pi
    found = np.zeros((len(part), num_classes))
    found[:, estimator.classes_.astype(int)] = values  # a class without a training sample has none
    return found


# Predictions


def keep(task: Any, data: Any) -> dict[str, Any]:
    """The training samples, from which ``predictor`` fits a model again: tensors and plain types."""
    if isinstance(data, TextData):
        tokens, y, _ = text.texts_of(data, "train", MOST_TRAINED)
        return {"outputs": task.num_outputs, "grams": text.grams_of(data), "x": tensor(tokens), "y": tensor(y)}
    part = rows_of(data, "train", MOST_TRAINED)
    return {"outputs": task.num_outputs, "x": tensor(part.x).float(), "y": tensor(part.y)}


def predictor(kept: Mapping[str, Any], data: Any, name: str) -> PredictionColumns:
    """The columns that a network of this task predicts; of a model without probabilities the class alone."""
    x, y, outputs = kept["x"], kept["y"].numpy(), kept["outputs"]
    if "grams" in kept:
        grams = text.Grams(kept["grams"]).fit(x.numpy())
        weights = text.weights_of(grams, x.numpy())
        train = Part(weights.transform(grams.counts(x.numpy())), y, len(y))
        found = text.models(outputs, len(y))
    else:
        train = Part(in_precision(x), y, len(y))
        found = models(train, outputs)
    model = next(each for each in found if each.name == name)
    estimator = refitted(model, train, kept["chosen"].get(name, {}), kept["fits"][name]["samples"])

    def columns(inputs: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        if "grams" in kept:
            rows = weights.transform(grams.counts(inputs.numpy()))
        else:
            rows = rows_of_inputs(data, inputs, x.numel())
        predicted = estimator.predict(rows).astype(int)
        made: dict[str, list[Any]] = {"prediction": [labels[number] for number in predicted]}
        if hasattr(estimator, "predict_proba"):
            probabilities = certainties(estimator, Part(rows, predicted, len(predicted)), outputs)
            made["probability"] = probabilities[np.arange(len(predicted)), predicted].tolist()
            made |= {f"probability_{label}": each.tolist() for label, each in zip(labels, probabilities.T, strict=True)}
        return made

    return columns


def tensor(values: np.ndarray) -> Tensor:
    """An array as a tensor with memory of its own."""
    return torch.from_numpy(np.ascontiguousarray(values).copy())
