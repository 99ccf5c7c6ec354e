"""Real pictures score well and noise badly, by a classifier that is taught once."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from support.sample_scores import Painter, fakes, real, scored

SCORES = {"frechet_distance", "diversity", "kernel_distance", "precision", "recall", "density", "coverage"}


def test_real_pictures_score_well_and_noise_badly(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("netyard.metrics.reference_classifier.num_steps", lambda num_samples: 100)  # these are easy
    data = fakes()
    good = scored(Painter(real(data, "train")), data, tmp_path)
    bad = scored(Painter(torch.rand(200, 1, 8, 8)), data, tmp_path)
    assert set(good) == {f"test/{name}" for name in SCORES}
    assert good["test/frechet_distance"] < 0.1 * bad["test/frechet_distance"]
    assert good["test/kernel_distance"] < 0.1 * bad["test/kernel_distance"]
    assert good["test/precision"] > 0.8 and good["test/coverage"] > 0.8 and good["test/diversity"] > 0.8
    assert bad["test/precision"] < 0.2


def test_the_classifier_is_taught_once_for_all_runs(tmp_path: Path, caplog, monkeypatch) -> None:
    monkeypatch.setattr("netyard.metrics.reference_classifier.num_steps", lambda num_samples: 10)
    data = fakes()
    with caplog.at_level(logging.INFO, "netyard"):
        first = dict(scored(Painter(real(data, "train")), data, tmp_path))
        assert caplog.text.count("training a small classifier") == 1
        assert len(list(tmp_path.glob("*.pt"))) == 2, "its weights, and the features of the test part"
        assert scored(Painter(real(data, "train")), data, tmp_path) == first
        assert caplog.text.count("training a small classifier") == 1
        scored(Painter(real(data, "train")), fakes(256), tmp_path)
        assert caplog.text.count("training a small classifier") == 2, "other pictures, another classifier"
