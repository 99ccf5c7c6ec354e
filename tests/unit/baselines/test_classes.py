"""Baselines of classes: the values of scikit-learn called directly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from netyard.baselines import classes
from netyard.baselines.rows import Part, Parts


def part(count: int, seed: int, classes: int = 3, columns: int = 4) -> Part:
    random = np.random.default_rng(seed)
    y = np.arange(count) % classes
    return Part(random.normal(size=(count, columns)) + y[:, None], y, count)


PARTS = Parts(part(60, 0), part(30, 1), part(45, 2))
GRIDS = {
    "majority": [DummyClassifier(strategy="most_frequent")],
    "nearest_neighbours": [KNeighborsClassifier(count, algorithm="brute") for count in (5, 3, 15, 1)],
    "logistic_regression": [LogisticRegression(C=penalty) for penalty in (0.3, 0.03, 3.0)],
    "decision_tree": [DecisionTreeClassifier(max_depth=depth, random_state=0) for depth in (8, 4, None)],
    "gradient_boosting": [
        HistGradientBoostingClassifier(
            max_iter=40, learning_rate=0.3, max_leaf_nodes=15, max_bins=63, early_stopping=False, random_state=0
        )
    ],
    "support_vector_machine": [SVC(C=1.0), SVC(C=10.0)],
}


@pytest.fixture(scope="module")
def found() -> classes.Scores:
    return classes.scores_of(PARTS, 3)


@pytest.mark.parametrize("name", GRIDS)
def test_a_baseline_has_the_values_of_scikit_learn(found: classes.Scores, name: str) -> None:
    fits = [each.fit(PARTS.train.x, PARTS.train.y) for each in GRIDS[name]]
    best = max(fits, key=lambda each: each.score(PARTS.val.x, PARTS.val.y))  # tuned on the validation part alone
    truth, predicted = PARTS.scored.y, best.predict(PARTS.scored.x)
    certain = best.predict_proba if hasattr(best, "predict_proba") else best.decision_function
    binary = np.eye(3)[truth]
    wanted = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "f1": metrics.f1_score(truth, predicted, average="macro"),
        "auroc": metrics.roc_auc_score(binary, certain(PARTS.scored.x), average="macro"),
        "average_precision": metrics.average_precision_score(binary, certain(PARTS.scored.x), average="macro"),
    }
    assert {metric: values[name] for metric, values in found.values.items()} == pytest.approx(wanted, abs=1e-6)


def test_all_of_the_samples_are_used_and_what_was_tuned_is_told(found: classes.Scores) -> None:
    assert (found.subset, found.tested, found.mode) == (None, None, "max")
    assert {*found.chosen} == {*GRIDS} - {"majority"}


def test_of_one_class_some_models_are_left_out() -> None:
    one = part(10, 0, classes=1)
    found = classes.scores_of(Parts(one, None, one), 2)
    assert {*found.values["accuracy"].values()} == {1.0}
    assert "support_vector_machine" not in found.values["accuracy"]


def test_a_class_that_training_lacks_is_never_predicted() -> None:
    train, scored = part(40, 0, classes=2), part(30, 1, classes=3)
    found = classes.scores_of(Parts(train, None, scored), 3)
    assert {*found.values["accuracy"]} == {*GRIDS}
    assert max(found.values["accuracy"].values()) <= 2 / 3 + 1e-6


def test_a_single_sample_is_enough_for_some() -> None:
    one = part(1, 0, classes=1)
    assert classes.scores_of(Parts(one, None, one), 2).values["accuracy"]["nearest_neighbours"] == 1.0


def test_columns_without_spread_change_nothing() -> None:
    def padded(each: Part) -> Part:
        return Part(np.hstack([each.x, np.ones((len(each), 2))]), each.y, each.total)

    plain = classes.scores_of(PARTS, 3)
    with_constants = classes.scores_of(Parts(*map(padded, (PARTS.train, PARTS.val, PARTS.scored))), 3)
    for name in ("majority", "nearest_neighbours"):
        assert plain.values["accuracy"][name] == with_constants.values["accuracy"][name]


def test_many_rows_and_columns_are_a_subset_which_is_told() -> None:
    wide = part(400, 0, columns=3000)
    found = classes.scores_of(Parts(wide, None, part(20, 1, columns=3000)), 3)
    assert found.subset is None  # nearest neighbours use all
    limits = {each.name: each.most for each in classes.models(wide, 3)}
    sizes = classes.Sizes(400, 3000, 3, 20)
    assert limits["decision_tree"](sizes) == pytest.approx(2e6 / 3000)
