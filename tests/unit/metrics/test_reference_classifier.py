"""The small classifier learns, deterministically, and changes no state of the run."""

from __future__ import annotations

import pytest
import torch

from netyard.metrics import reference_classifier
from netyard.metrics.reference_classifier import SmallClassifier, num_steps
from support.striped_images import check_learns, check_same_weights


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 28), (3, 64)])
def test_images_of_any_size_have_64_features(channels: int, side: int) -> None:
    net = SmallClassifier(channels, 5).eval()
    assert net(torch.rand(2, channels, side, side)).shape == (2, 64)
    assert net.head(net(torch.rand(2, channels, side, side))).shape == (2, 5)


@pytest.mark.parametrize(("samples", "steps"), [(10, 300), (54_000, 1265), (10**6, 2000)])
def test_training_takes_about_three_epochs(samples: int, steps: int) -> None:
    assert num_steps(samples) == steps


def test_the_classifier_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_classifier, "num_steps", lambda num_samples: 60)
    check_learns()


def test_training_is_deterministic_in_inference_mode_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_classifier, "num_steps", lambda num_samples: 12)
    check_same_weights()
