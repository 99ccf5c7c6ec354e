"""What a task makes is shown in the dashboard after each validation it is asked for, and never disturbs the run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from netyard.callbacks.figures import mistaken_texts
from netyard.callbacks.markdown import table, verbatim
from netyard.callbacks.samples import Samples


class Board:
    """Takes what a dashboard would."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Any, int]] = []

    def add_text(self, tag: str, text: str, step: int) -> None:
        self.shown.append((tag, text, step))

    add_image = add_text


class Words:
    """A data module that knows words."""

    WORDS = ("", "?", "", "", "one", "two|three")

    def decode(self, tokens: torch.Tensor) -> str:
        return " ".join(self.WORDS[token] for token in tokens.tolist() if token > 3)

    decode_source = decode


def trainer(board: Any, epoch: int = 0, rank_zero: bool = True, place: Path = Path()) -> Any:
    return SimpleNamespace(
        default_root_dir=str(place),
        logger=SimpleNamespace(experiment=board),
        datamodule=Words(),
        current_epoch=epoch,
        global_step=7,
        is_global_zero=rank_zero,
        sanity_checking=False,
    )


WRITER = SimpleNamespace(generate=lambda data: "def f():\n    return 1")


def test_a_language_model_writes() -> None:
    board = Board()
    Samples().on_validation_end(trainer(board), WRITER)
    assert board.shown == [("val/text", "    def f():\n        return 1", 7)]


def test_translations_are_a_table() -> None:
    board = Board()
    tokens = torch.tensor([[4, 3, 0]]), torch.tensor([[5, 3]]), torch.tensor([[4, 3]])
    Samples().on_test_end(trainer(board), SimpleNamespace(translations=tokens))
    (tag, text, _) = board.shown[0]
    assert tag == "test/translations"
    assert text.splitlines() == [
        "| source | true | predicted |",
        "| --- | --- | --- |",
        "| one | two\\|three | one |",
    ]


def test_a_forecast_is_a_picture(tmp_path: Path) -> None:
    board = Board()
    forecast = (torch.arange(6.0), torch.tensor([6.0, 7.0]), torch.tensor([6.5, 6.5]), torch.tensor([5.0, 5.0]))
    Samples().on_validation_end(trainer(board, place=tmp_path), SimpleNamespace(forecast=forecast))
    (tag, picture, _) = board.shown[0]
    assert tag == "val/forecast" and picture.dtype == torch.uint8 and picture.ndim == 3
    with Image.open(tmp_path / "pictures" / "val_forecast.png") as file:
        assert torch.equal(pil_to_tensor(file), picture)


def test_reconstructions_and_samples_are_pictures(tmp_path: Path) -> None:
    board, asked = Board(), []

    def pictures(count: int) -> torch.Tensor:
        asked.append(count)
        return torch.full((count, 1, 8, 8), 0.5)

    task = SimpleNamespace(reconstructions=(torch.zeros(4, 1, 8, 8), torch.ones(4, 1, 8, 8)), pictures=pictures)
    place = trainer(board, place=tmp_path)
    place.datamodule.image_size = 8
    Samples().on_test_end(place, task)
    assert [tag for tag, _, _ in board.shown] == ["test/reconstructions", "test/samples"]
    assert asked == [64]
    reconstructions, samples = (picture for _, picture, _ in board.shown)
    assert {0, 255} <= set(reconstructions.unique().tolist()) and 128 in samples.unique().tolist()
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"test_reconstructions.png", "test_samples.png"}


def test_samples_that_are_no_pictures_are_not_drawn() -> None:
    """An autoencoder of a table has none."""
    board = Board()
    Samples().on_validation_end(trainer(board), SimpleNamespace(reconstructions=None, pictures=lambda count: 1 / 0))
    assert not board.shown


@pytest.mark.parametrize(("every", "shown"), [(1, 4), (2, 2), (3, 1)])
def test_every_so_many_epochs(every: int, shown: int) -> None:
    board, samples = Board(), Samples(every)
    for epoch in range(4):
        samples.on_validation_end(trainer(board, epoch), WRITER)
    assert len(board.shown) == shown


def test_nothing_is_shown_without_a_dashboard_by_another_rank_or_by_a_task_that_makes_nothing() -> None:
    board = Board()
    Samples().on_validation_end(trainer(board, rank_zero=False), WRITER)
    Samples().on_validation_end(trainer(None), WRITER)
    Samples().on_validation_end(trainer(board), SimpleNamespace())
    assert not board.shown


def test_verbatim_and_table_are_markdown() -> None:
    assert verbatim("a\n\n  b") == "    a\n    \n      b"
    assert table(("x",), [("a|b",)]).endswith("| a\\|b |")


def test_mistaken_texts_say_what_was_read_and_for_what_it_was_taken() -> None:
    mistakes = SimpleNamespace(
        inputs=torch.tensor([[4, 4, 0]]), labels=torch.tensor([1]), predictions=torch.tensor([0])
    )
    data = Words()
    assert mistaken_texts(SimpleNamespace(mistakes=mistakes), data) is None  # no names of classes
    data.class_names = ["bad", "good"]
    assert mistaken_texts(SimpleNamespace(mistakes=mistakes), data).splitlines()[-1] == "| one one | good | bad |"
