"""Pictures of a test, of sensible sizes for any number of classes."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import pytest
import torch
from matplotlib.figure import Figure
from PIL import ImageDraw

from netyard.callbacks.figures import (
    MARGINS,
    _plot_confusion,
    confusion_matrix,
    draw,
    mistaken_images,
    scatter,
    write_confusion,
)
from netyard.plots.figure import ACCENT, WHITE


@pytest.mark.parametrize("classes", [2, 10, 30, 31, 100, 1000])
def test_the_confusion_matrix_fits_its_picture(classes: int):
    picture = confusion_matrix(torch.randint(0, 9, (classes, classes)))
    assert picture.dtype == torch.uint8 and picture.shape[0] == 3
    assert all(400 < side < 1100 for side in picture.shape[1:])


def test_a_cell_is_shaded_by_its_share_of_the_row():
    """Of the four cells one is full, one empty and two are half; the frame tells where they are."""
    picture = confusion_matrix(torch.tensor([[0, 4], [3, 3]]))
    full = (picture == torch.tensor(ACCENT, dtype=torch.uint8)[:, None, None]).all(dim=0)
    top, bottom = (int(each) for each in full.any(dim=1).nonzero().flatten()[[0, -1]])
    left, right = (int(each) for each in full.any(dim=0).nonzero().flatten()[[0, -1]])
    height, width = bottom - top, right - left
    assert abs(height - width) <= 2, "cells are squares"

    def colour(row: int, column: int) -> tuple[int, ...]:
        """Near the corner of a cell, where no number is."""
        return tuple(picture[:, top + row * height + 9, left + (column - 1) * width + 9].tolist())

    assert colour(0, 0) == WHITE and colour(0, 1) == ACCENT
    assert WHITE > colour(1, 0) == colour(1, 1) > ACCENT


def test_names_of_any_length_leave_room_for_the_matrix():
    for names in (["a" * 200, "b"], ["$\\frac{$", "a\nb"], ["<b>", ""]):
        picture = confusion_matrix(torch.tensor([[0, 4], [3, 3]]), names)
        full = (picture == torch.tensor(ACCENT, dtype=torch.uint8)[:, None, None]).all(dim=0)
        assert full.any(dim=0).sum() > 150


def test_counts_are_written_with_the_names_of_their_classes(tmp_path):
    write_confusion([[3, 1], [0, 4]], ["a, b", 'c"'], tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["true", "a, b", 'c"'], ["a, b", "3", "1"], ['c"', "0", "4"]]


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


def test_captions_say_what_was_read_as_what(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        "text",
        lambda self, place, text, *rest, **more: written.append(text) or write(self, place, text, *rest, **more),
    )
    mistaken_images(torch.rand(1, 1, 8, 8), [8], [1])
    assert written == ["8, read as 1"]
    written.clear()
    mistaken_images(torch.rand(1, 1, 8, 8), [0], [1], ["Ærøskøbing", "a name\nthat has no room in its tile"])
    assert written[0] == "Ærøskøbing," and written[1].startswith("read as a name t") and written[1].endswith("…")


def test_names_stand_beside_the_matrix_of_very_many_classes() -> None:
    figure = Figure()
    axes = figure.add_subplot()
    _plot_confusion(torch.eye(200, dtype=torch.long), [f"class {index}" for index in range(200)], axes)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:3] == ["class 0", "class 4", "class 8"] and len(labels) == 50


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
    left, top, right, bottom = MARGINS
    perfect = scatter(torch.tensor([0.0, 10.0]), torch.tensor([0.0, 10.0]))
    crossed = scatter(torch.tensor([0.0, 10.0]), torch.tensor([10.0, 0.0]))
    for picture, row, column in (
        (perfect, 480 - bottom, left),
        (perfect, top, 479 - right),
        (crossed, top, left),
        (crossed, 479 - bottom, 479 - right),
    ):
        assert tuple(picture[:, row, column].tolist()) == ACCENT


def test_points_that_are_not_finite_are_left_out():
    broken = torch.tensor([float("nan"), float("inf"), 1.0])
    assert scatter(broken, broken).shape == scatter(broken[:2], broken[:2]).shape == (3, 480, 480)


def test_predictions_that_are_all_the_same_can_be_drawn():
    assert scatter(torch.ones(4), torch.ones(4)).shape == (3, 480, 480)
