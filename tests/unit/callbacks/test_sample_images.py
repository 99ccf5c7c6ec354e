"""What a task makes is shown in the dashboard, at the epochs when it is asked for."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from netyard.callbacks.figures import mistaken_texts
from netyard.callbacks.sample_images import Samples
from netyard.plots.text import Table, show


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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


def trainer(board: Any, epoch: int = 0, rank_zero: bool = True, place: Path = Path(), **more: Any) -> Any:
    given = {"max_epochs": -1, "check_val_every_n_epoch": 1, **more}
    return SimpleNamespace(
        **given,
        default_root_dir=str(place),
        logger=SimpleNamespace(experiment=board),
        datamodule=Words(),
        current_epoch=epoch,
        global_step=7,
        is_global_zero=rank_zero,
        sanity_checking=False,
    )


WRITER = SimpleNamespace(generate=lambda data: "def f():\n    return 1")


def test_a_language_model_writes(tmp_path: Path) -> None:
    board = Board()
    Samples().on_validation_end(trainer(board, place=tmp_path), WRITER)
    assert board.shown == [("val/text", "    def f():\n        return 1", 7)]
    assert (tmp_path / "texts" / "val_text.txt").read_text() == "def f():\n    return 1\n"


def test_translations_are_a_table(tmp_path: Path) -> None:
    board = Board()
    tokens = torch.tensor([[4, 3, 0]]), torch.tensor([[5, 3]]), torch.tensor([[4, 3]])
    Samples().on_test_end(trainer(board, place=tmp_path), SimpleNamespace(translations=tokens))
    (tag, text, _) = board.shown[0]
    assert tag == "test/translations"
    assert text.splitlines() == [
        "| source | true | predicted |",
        "| --- | --- | --- |",
        "| one | two\\|three | one |",
    ]
    with (tmp_path / "texts" / "test_translations.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["source", "true", "predicted"], ["one", "two|three", "one"]]


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
    place.datamodule.input_shape = [1, 8, 8]
    Samples().on_test_end(place, task)
    assert [tag for tag, _, _ in board.shown] == ["test/reconstructions", "test/samples"]
    assert asked == [64]
    reconstructions, samples = (picture for _, picture, _ in board.shown)
    assert {0, 255} <= set(reconstructions.unique().tolist()) and 128 in samples.unique().tolist()
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"test_reconstructions.png", "test_samples.png"}


def test_what_a_code_holds_is_drawn_as_bars_and_as_rows_of_pictures(tmp_path: Path) -> None:
    board = Board()
    task = SimpleNamespace(
        latent_use=SimpleNamespace(kl=torch.tensor([0.1, 2.0]), active=torch.tensor([False, True])),
        traversal=lambda: torch.linspace(0, 1, 6).reshape(2, 3, 1, 1, 1).expand(-1, -1, -1, 8, 8),
        interpolation=lambda: torch.zeros(4, 9, 1, 8, 8),
    )
    place = trainer(board, place=tmp_path)
    place.datamodule.input_shape = [1, 8, 8]
    Samples().on_validation_end(place, task)
    shown = {tag: picture for tag, picture, _ in board.shown}
    assert list(shown) == ["val/latent_kl", "val/traversal", "val/interpolation"]
    assert shown["val/traversal"].shape == (3, 2 * 66 + 2, 3 * 66 + 2)
    assert shown["val/traversal"][0, 10, [10, 76, 142]].tolist() == [0, 51, 102]  # a row is a dimension
    for tag, picture in shown.items():
        with Image.open(tmp_path / "pictures" / f"{tag.replace('/', '_')}.png") as file:
            assert torch.equal(pil_to_tensor(file), picture)


def test_a_task_may_have_nothing_to_go_between_yet() -> None:
    """An autoencoder has no codes before its test."""
    board, place = Board(), trainer(None)
    place.logger.experiment, place.datamodule.input_shape = board, [1, 8, 8]
    Samples().on_validation_end(place, SimpleNamespace(interpolation=lambda: None))
    assert not board.shown


@pytest.mark.parametrize("input_shape", [None, [4], [8, 8]])
def test_samples_that_are_no_pictures_are_not_drawn(input_shape: list[int] | None) -> None:
    """An autoencoder of a table or of sequences has none."""
    board, place = Board(), trainer(None)
    place.logger.experiment, place.datamodule.input_shape = board, input_shape
    makes = dict.fromkeys(("pictures", "traversal", "interpolation"), lambda *_: 1 / 0)
    Samples().on_validation_end(place, SimpleNamespace(reconstructions=None, latent_use=None, **makes))
    assert not board.shown


def showings(samples: Samples, epochs: int, max_epochs: int, check: int = 1) -> list[int]:
    """After which of the epochs, counted from 1, something is shown."""
    shown = []
    for epoch in range(check - 1, epochs, check):
        board = Board()
        samples.on_validation_end(
            trainer(board, epoch, max_epochs=max_epochs, check_val_every_n_epoch=check),
            WRITER,
        )
        shown += [epoch + 1] * len(board.shown)
    return shown


@pytest.mark.parametrize(
    ("every", "check", "shown"),
    [(1, 1, [1, 2, 3, 4, 5, 6]), (2, 1, [2, 4, 6]), (4, 1, [4]), (2, 3, [3, 6]), (4, 3, [6]), (1, 4, [4])],
)
def test_every_so_many_epochs_or_at_the_next_validation(every: int, check: int, shown: list[int]) -> None:
    assert showings(Samples(every), 6, 6, check) == shown


@pytest.mark.parametrize("check", [1, 5])
def test_a_long_run_shows_ten_times_and_a_short_or_endless_one_always(check: int) -> None:
    assert showings(Samples(), 5, 5, check) == list(range(check, 6, check))
    assert showings(Samples(), 200, 200, check) == list(range(20, 201, 20))
    assert showings(Samples(), 40, -1, check) == list(range(check, 41, check))


def test_nothing_is_shown_without_a_dashboard_by_another_rank_or_by_a_task_that_makes_nothing() -> None:
    board = Board()
    Samples().on_validation_end(trainer(board, rank_zero=False), WRITER)
    Samples().on_validation_end(trainer(None), WRITER)
    Samples().on_validation_end(trainer(board), SimpleNamespace())
    assert not board.shown


def test_a_text_is_shown_as_it_is_and_the_latest_is_kept(tmp_path: Path) -> None:
    board = Board()
    for text in ("before", "a\n\n  b"):
        show(board, tmp_path, "val/text", text, 1)
    assert board.shown[1][1] == "    a\n    \n      b"
    assert (tmp_path / "texts" / "val_text.txt").read_text() == "a\n\n  b\n"


def test_mistaken_texts_say_what_was_read_and_for_what_it_was_taken() -> None:
    mistakes = SimpleNamespace(
        inputs=torch.tensor([[4, 4, 0]]), labels=torch.tensor([1]), predictions=torch.tensor([0])
    )
    data = Words()
    assert mistaken_texts(SimpleNamespace(mistakes=mistakes), data) is None  # no names of classes
    data.class_names = ["bad", "good"]
    assert mistaken_texts(SimpleNamespace(mistakes=mistakes), data) == Table(
        ("text", "true", "predicted"), [("one one", "good", "bad")]
    )
