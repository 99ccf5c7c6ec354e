"""Baselines of multilabel classification: a model for each label, of flat rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.baselines import classes, numbers
from netyard.baselines.models import Fitted, Model, PredictionColumns, fit_all, refitted, subset
from netyard.baselines.rows import Part, Parts, has_rows, in_precision, parts_of, pixel_facts, rows_of_inputs
from netyard.baselines.scores import Scores
from netyard.metrics import label_scores
from netyard.metrics.output_names import label_lists

VERSION = 3


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The number of labels, how their thresholds are chosen, and how images are normalised."""
    return {"labels": task.num_outputs, "threshold": _threshold(task), **pixel_facts(data)}


def _threshold(task: Any) -> Any:
    """The score by which thresholds are chosen on the validation part, or the numbers that are given."""
    return task.threshold_score or task.threshold.tolist()


def scores(task: Any, data: Any, stage: str) -> Scores:
    """The scores of ``metrics.label_scores``."""
    return scores_of(parts_of(data, stage), _threshold(task)) if has_rows(data) else Scores({}, "max")


def scores_of(parts: Parts, threshold: Any) -> Scores:
    """The scores of all models; the mean of the labels' average precisions is the compared one."""
    fitted = fit(parts)
    truth, values = torch.from_numpy(parts.scored.y) > 0, dict[str, dict[str, float]]()
    names = sorted(label_scores.NAMES, key=lambda name: name != "average_precision")
    fits: dict[str, dict[str, Any]] = {}
    for each in fitted:
        probabilities = torch.from_numpy(each.estimator.predict_proba(parts.scored.x))
        decided = thresholds(each, parts.val, threshold).expand(probabilities.shape[1])
        fits[each.name] = {**each.facts(), "thresholds": decided.tolist()}
        found = label_scores.scores(names, probabilities, truth, decided)
        for metric, value in found.items():
            values.setdefault(metric, {})[each.name] = float(value)
    chosen = {each.name: each.chosen for each in fitted if each.chosen}
    return Scores(values, "max", subset(fitted, parts), parts.tested, chosen, fits)


def thresholds(fitted: Fitted, val: Part | None, threshold: Any) -> Tensor:
    """The probability from which each label is set, (L,): chosen on the validation part as for a network, or given."""
    if isinstance(threshold, str):
        if val is None:
            return torch.tensor(0.5)
        probabilities = torch.from_numpy(fitted.estimator.predict_proba(val.x))
        return label_scores.best_thresholds(threshold, probabilities, torch.from_numpy(val.y) > 0)  # type: ignore[arg-type]
    return torch.tensor(threshold)


def fit(parts: Parts) -> list[Fitted]:
    """The models, fitted on the training part and tuned by the average precision of the validation part."""
    labels = parts.train.y.shape[1]
    models = [_of_labels(each) for each in classes.models(parts.train, 2)]
    return [*fit_all(models, parts, labels, _average_precision)]


def _of_labels(model: Model) -> Model:
    """A model of two classes as one for each label."""

    def build(**given: Any) -> EachLabel:
        return EachLabel(lambda: model.build(**given))

    # Nearest neighbours and trees are fast, and others are limited by the number of labels.
    return Model(
        model.name, build, model.grid, model.default, lambda sizes: model.most(sizes) / max(1, sizes.outputs / 2)
    )


class EachLabel:
    """A classifier for each label."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._fitted: list[Any] = []

    def fit(self, x: Any, y: np.ndarray) -> EachLabel:
        """x: (N, F); y: (N, L), 0 and 1."""
        # A label that all samples or none have needs no model, and most have none for it.
        self._fitted = [
            float(column[0]) if (column == column[0]).all() else self._build().fit(x, column) for column in (y > 0).T
        ]
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability of each label, float64 (N, L); of a model without probabilities numbers in the same order."""
        part = Part(x, np.zeros(x.shape[0]), x.shape[0])
        columns = [
            np.full(len(part), each) if isinstance(each, float) else classes.certainties(each, part, 2)[:, 1]
            for each in self._fitted
        ]
        return np.stack(columns, axis=1)


def _average_precision(estimator: EachLabel, part: Part) -> float:
    probabilities = torch.from_numpy(estimator.predict_proba(part.x))
    found = label_scores.scores(["average_precision"], probabilities, torch.from_numpy(part.y) > 0, torch.tensor(0.5))
    return float(found.get("average_precision", 0.0))


# Predictions


def keep(task: Any, data: Any) -> dict[str, Any]:
    """The training samples, from which ``predictor`` fits a model again: tensors and plain types."""
    return numbers.keep(task, data)


def predictor(kept: Mapping[str, Any], data: Any, name: str) -> PredictionColumns:
    """The columns that a network of this task predicts."""
    x, y = kept["x"], kept["y"].numpy()
    train = Part(in_precision(x), y, len(y))
    model = next(_of_labels(each) for each in classes.models(train, 2) if each.name == name)
    facts = kept["fits"][name]
    estimator = refitted(model, train, kept["chosen"].get(name, {}), facts["samples"])

    def columns(inputs: Tensor, names: Sequence[str]) -> dict[str, list[Any]]:
        probabilities = torch.from_numpy(estimator.predict_proba(rows_of_inputs(data, inputs, x.numel())))
        return {
            "prediction": label_lists(probabilities >= torch.tensor(facts["thresholds"]), names),
            **{f"probability_{each}": part.tolist() for each, part in zip(names, probabilities.T, strict=True)},
        }

    return columns
