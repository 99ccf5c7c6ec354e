"""Pictures of a test, of sensible sizes for any number of classes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from netyard.callbacks.figures import confusion_matrix, draw, mistaken_images, scatter
from netyard.plots.figure import ACCENT, PAPER


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
