"""Baselines of anomaly detection: the values of scikit-learn called directly, on normal samples alone."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from netyard.baselines import anomalies
from netyard.baselines.rows import MOST_SCORED, MOST_TRAINED, MOST_VALIDATED, rows_of
from netyard.data.tables.scikit import ScikitData


def test_every_model_has_the_values_of_scikit_learn() -> None:
    data = ScikitData(dataset="iris", num_classes=3, num_features=4, input_shape=[4])
    task = SimpleNamespace(normal_classes=lambda data: torch.tensor([0, 1]))
    found = anomalies.scores(task, data, "test")

    normal = []
    for name, most in (("train", MOST_TRAINED), ("val", MOST_VALIDATED)):
        part = rows_of(data, name, most)
        normal.append(part.x[part.y < 2])
    train, val = normal
    test = rows_of(data, "test", MOST_SCORED)
    mixtures = [GaussianMixture(count, reg_covar=1e-3, random_state=0).fit(train) for count in anomalies.COMPONENTS]
    pca = PCA(0.95, svd_solver="full").fit(train)
    scores = {
        "nearest_neighbours": NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test.x)[0].mean(axis=1),
        "isolation_forest": -IsolationForest(random_state=0).fit(train).score_samples(test.x),
        "pca": np.square(test.x - pca.inverse_transform(pca.transform(test.x))).mean(axis=1),
        "gaussian_mixture": -max(mixtures, key=lambda each: each.score(val)).score_samples(test.x),
    }
    truth = test.y == 2
    for name, score in scores.items():
        assert found.values["auroc"][name] == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-6), name
        wanted = metrics.average_precision_score(truth, score)
        assert found.values["average_precision"][name] == pytest.approx(wanted, abs=1e-6), name


def test_data_without_classes_have_none() -> None:
    assert anomalies.scores(SimpleNamespace(normal_classes=lambda data: None), None, "test").values == {}


def test_a_single_normal_sample_is_enough_for_some() -> None:
    assert "nearest_neighbours" in anomalies.fit(np.zeros((1, 3)), None)
