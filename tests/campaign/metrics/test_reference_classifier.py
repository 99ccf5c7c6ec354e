"""The small classifier taught for as long as it is in use."""

from __future__ import annotations

from support.striped_images import check_learns, check_same_weights


def test_it_learns_to_tell_the_classes() -> None:
    check_learns()


def test_the_same_pictures_teach_the_same_weights_even_under_inference_mode() -> None:
    check_same_weights()
