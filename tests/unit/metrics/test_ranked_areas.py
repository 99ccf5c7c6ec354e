"""Areas of scores of any scale: those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from netyard.metrics.ranked_areas import ranked_areas


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
def test_areas_are_those_of_scikit_learn(factor: float) -> None:
    random = np.random.default_rng(0)
    scores, truth = random.normal(size=50).round(1), random.random(50) < 0.3
    found = ranked_areas(torch.tensor(scores * factor), torch.tensor(truth))
    assert float(found["auroc"]) == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
    assert float(found["average_precision"]) == pytest.approx(average_precision_score(truth, scores), abs=1e-6)


@pytest.mark.parametrize("positive", [True, False])
def test_samples_of_one_kind_have_none(positive: bool) -> None:
    assert ranked_areas(torch.arange(3.0), torch.full((3,), positive)) == {}
