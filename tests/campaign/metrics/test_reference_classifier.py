"""The small classifier taught for as long as it is in use."""

from __future__ import annotations

from support.striped_images import check_learns, check_same_weights


def test_the_classifier_learns() -> None:
    check_learns()


def test_training_is_deterministic_in_inference_mode_too() -> None:
    check_same_weights()
