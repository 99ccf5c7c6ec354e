"""Pictures of a test, in the event file."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def images(path) -> dict[str, Image.Image]:
    events = EventAccumulator(str(path))
    events.Reload()
    found = {tag: events.Images(tag) for tag in events.Tags()["images"]}
    return {tag: Image.open(BytesIO(each[0].encoded_image_string)) for tag, each in found.items()}


def test_a_classification_of_pictures_shows_confusion_and_mistakes(finished):
    found = images(finished("drawn_digits"))
    assert set(found) == {"test/confusion", "test/mistakes"}
    assert all(100 < side < 1000 for each in found.values() for side in each.size)


def test_each_class_has_a_curve_of_precision_and_recall(finished):
    path = finished("drawn_iris")
    events = EventAccumulator(str(path), size_guidance={"tensors": 0}).Reload()
    curves = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"] if "precision_recall" in tag}
    assert set(curves) == {f"test/precision_recall/{name}" for name in ("setosa", "versicolor", "virginica")}
    for (drawn,) in curves.values():
        tp, fp, tn, fn, precision, recall = tensor_util.make_ndarray(drawn.tensor_proto)
        assert (tp + fp + tn + fn == 30).all() and (tp + fn == tp[0]).all(), "iris' test part at any threshold"
        assert recall[0] == 1 and precision[0] == pytest.approx(tp[0] / 30)
        assert (tp[1:] <= tp[:-1]).all() and (fp[1:] <= fp[:-1]).all()
    # Above 1/2 the true class is always the answer, and an answer is never below 1/3.
    right = round(30 * json.loads((path / "results.json").read_text())["metrics"]["test/accuracy"])
    found = [tensor_util.make_ndarray(drawn[0].tensor_proto)[0] for drawn in curves.values()]
    assert sum(tp[64] for tp in found) <= right <= sum(tp[41] for tp in found)


def test_a_classification_of_tables_shows_the_confusion_alone(finished):
    assert set(images(finished("drawn_iris"))) == {"test/confusion"}


def test_a_regression_shows_predictions_against_truth(finished):
    found = images(finished("drawn_diabetes"))
    assert {tag: each.size for tag, each in found.items()} == {"test/predicted_vs_true": (480, 480)}
