"""Baselines of several labels: a model of scikit-learn for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.svm import SVC

from netyard.baselines import labels
from netyard.baselines.rows import Part, Parts


def part(count: int, seed: int) -> Part:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 3))
    return Part(x, np.stack([x[:, 0] > 0, x[:, 1] + random.normal(size=count) > 0.5], axis=1).astype(np.uint8), count)


PARTS = Parts(part(60, 0), part(40, 1), part(50, 2))


def test_each_label_is_decided_by_a_model_of_its_own() -> None:
    found = labels.scores_of(PARTS, 0.5)
    assert next(iter(found.values)) == "average_precision"
    assert {*found.values["average_precision"]} >= {"majority", "nearest_neighbours", "support_vector_machine"}
    penalty = found.chosen["support_vector_machine"]["C"]
    wanted = [
        metrics.average_precision_score(
            PARTS.scored.y[:, label],
            SVC(C=penalty).fit(PARTS.train.x, PARTS.train.y[:, label]).decision_function(PARTS.scored.x),
        )
        for label in range(2)
    ]
    assert found.values["average_precision"]["support_vector_machine"] == pytest.approx(np.mean(wanted), abs=1e-6)


def test_thresholds_are_chosen_on_the_validation_part_as_those_of_a_network() -> None:
    fixed, chosen = labels.scores_of(PARTS, [0.99, 0.99]), labels.scores_of(PARTS, "f1")
    assert chosen.values["f1"]["logistic_regression"] > fixed.values["f1"]["logistic_regression"]
    assert labels.scores_of(Parts(PARTS.train, None, PARTS.scored), "f1").values["f1"]


def test_a_label_that_no_training_sample_has_is_no_error() -> None:
    y = PARTS.train.y.copy()
    y[:, 1] = 0
    found = labels.scores_of(Parts(Part(PARTS.train.x, y, 60), PARTS.val, PARTS.scored), "f1")
    assert "logistic_regression" in found.values["f1"]
