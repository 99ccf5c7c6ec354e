"""Pictures of a test: in the event file, and of sensible sizes for any number of classes."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from netyard.callbacks.drawing import ACCENT, PAPER
from netyard.callbacks.figures import confusion_matrix, draw, mistaken_images, scatter


def images(path) -> dict[str, Image.Image]:
    events = EventAccumulator(str(path))
    events.Reload()
    found = {tag: events.Images(tag) for tag in events.Tags()["images"]}
    return {tag: Image.open(BytesIO(each[0].encoded_image_string)) for tag, each in found.items()}


def test_a_classification_of_pictures_shows_confusion_and_mistakes(train):
    ran = train("model=mlp_tiny", "data=digits", "trainer=cpu", "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    found = images(ran.path)
    assert set(found) == {"test/confusion", "test/mistakes"}
    assert all(100 < side < 1000 for each in found.values() for side in each.size)


def test_each_class_has_a_curve_of_precision_and_recall(train):
    ran = train("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=3")
    events = EventAccumulator(str(ran.path), size_guidance={"tensors": 0}).Reload()
    curves = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"] if "precision_recall" in tag}
    assert set(curves) == {f"test/precision_recall/{name}" for name in ("setosa", "versicolor", "virginica")}
    for (drawn,) in curves.values():
        tp, fp, tn, fn, precision, recall = tensor_util.make_ndarray(drawn.tensor_proto)
        assert (tp + fp + tn + fn == 30).all() and (tp + fn == tp[0]).all(), "iris' test part at any threshold"
        assert recall[0] == 1 and precision[0] == pytest.approx(tp[0] / 30)
        assert (tp[1:] <= tp[:-1]).all() and (fp[1:] <= fp[:-1]).all()
    # Above 1/2 the true class is always the answer, and an answer is never below 1/3.
    right = round(30 * ran.json("results.json")["metrics"]["test/accuracy"])
    found = [tensor_util.make_ndarray(drawn[0].tensor_proto)[0] for drawn in curves.values()]
    assert sum(tp[64] for tp in found) <= right <= sum(tp[41] for tp in found)


def test_a_classification_of_tables_shows_the_confusion_alone(train):
    ran = train("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1")
    assert set(images(ran.path)) == {"test/confusion"}


def test_a_regression_shows_predictions_against_truth(train):
    ran = train("model=mlp_tiny", "data=diabetes", "trainer=cpu", "trainer.max_epochs=1")
    assert {tag: each.size for tag, each in images(ran.path).items()} == {"test/predicted_vs_true": (480, 480)}


@pytest.mark.parametrize("classes", [2, 10, 30, 31, 100, 1000])
def test_the_confusion_matrix_fits_its_picture(classes: int):
    picture = confusion_matrix(torch.randint(0, 9, (classes, classes)))
    assert picture.dtype == torch.uint8 and picture.shape[0] == 3
    assert all(400 < side < 1100 for side in picture.shape[1:])


def test_a_cell_is_shaded_by_its_share_of_the_row():
    picture = confusion_matrix(torch.tensor([[0, 4], [3, 3]]))
    side = picture.shape[1]
    margin = 24 + 8
    cell = (side - margin - 8) // 2

    def colour(row: int, column: int) -> tuple[int, ...]:
        return tuple(picture[:, margin + row * cell + 9, margin + column * cell + 9].tolist())

    assert colour(0, 0) == PAPER and colour(0, 1) == ACCENT
    assert PAPER > colour(1, 0) == colour(1, 1) > ACCENT


def test_a_class_that_the_test_did_not_show_is_an_empty_row():
    assert confusion_matrix(torch.tensor([[0, 0], [1, 3]])).shape[0] == 3


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [2, 5, 25])
def test_mistakes_are_tiles_of_five_a_row(channels: int, count: int):
    torch.manual_seed(0)
    picture = mistaken_images(torch.rand(count, channels, 8, 8), [0] * count, [1] * count, ["a long name", "another"])
    rows, columns = -(-count // 5), min(count, 5)
    assert picture.shape == (3, rows * (96 + 30 + 4) + 4, columns * (96 + 4) + 4)
    assert picture.dtype == torch.uint8
    grey = torch.equal(picture[0, 4:100, 4:100], picture[1, 4:100, 4:100])
    assert grey == (channels != 3)


def test_a_single_mistake_is_a_tile():
    assert mistaken_images(torch.rand(1, 1, 8, 8), [0], [1]).shape == (3, 96 + 30, 96)


def test_pictures_are_shown_as_they_were_before_normalisation():
    task = SimpleNamespace(
        confusion=None,
        predicted=None,
        mistakes=SimpleNamespace(
            inputs=torch.full((1, 1, 8, 8), 2.0), labels=torch.tensor([3]), predictions=torch.tensor([5])
        ),
    )
    shown = draw(task, SimpleNamespace(class_names=None, image_size=8, denormalize=lambda x: x * 0.25))["mistakes"]
    assert (shown[:, :96, :96] == 127).all()


def test_points_lie_where_their_values_say():
    perfect = scatter(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 10.0]))
    assert tuple(perfect[:, 480 - 48, 48].tolist()) == tuple(perfect[:, 48, 480 - 48].tolist()) == ACCENT
    low = scatter(torch.tensor([0.0, 10.0]), torch.tensor([10.0, 0.0]))
    assert tuple(low[:, 48, 48].tolist()) == ACCENT


def test_predictions_that_are_all_the_same_can_be_drawn():
    assert scatter(torch.ones(4), torch.ones(4)).shape == (3, 480, 480)
