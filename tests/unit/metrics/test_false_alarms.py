"""The threshold for a share of false alarms."""

from __future__ import annotations

import math

import pytest
import torch

from netyard.metrics.false_alarms import conformal_threshold, smallest_count


@pytest.mark.parametrize(
    ("count", "share", "rank"),
    [(99, 0.01, 99), (199, 0.01, 198), (19, 0.05, 19), (20, 0.05, 20), (39, 0.05, 38), (9, 0.5, 5)],
)
def test_the_threshold_is_the_order_statistic_of_conformal_prediction(count: int, share: float, rank: int) -> None:
    scores = torch.arange(1.0, count + 1)[torch.randperm(count, generator=torch.Generator().manual_seed(0))]
    assert conformal_threshold(scores, share) == (rank, True)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.03, 0.05, 0.1, 0.5])
def test_fewer_scores_than_the_share_needs_are_told(share: float) -> None:
    needed = smallest_count(share)
    assert conformal_threshold(torch.rand(needed), share)[1]
    few = torch.rand(needed - 1)
    threshold, enough = conformal_threshold(few, share)
    assert not enough and threshold == (float(few.max()) if len(few) else math.inf)


def test_the_share_of_false_alarms_is_kept_on_average() -> None:
    """Over many draws of 99 calibration scores, a new score is above the threshold in one of ten at most."""
    generator = torch.Generator().manual_seed(0)
    thresholds = [conformal_threshold(torch.randn(99, generator=generator), 0.1)[0] for _ in range(500)]
    beyond = 1 - torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(thresholds))
    assert float(beyond.mean()) == pytest.approx(0.1, abs=0.005)
