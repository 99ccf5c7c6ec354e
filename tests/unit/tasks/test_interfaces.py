"""Which task can do what, and what is asked of data, whoever wrote them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.tasks import interfaces as can

CHOICES = {
    "mlp_tiny": {"CountsConfusion", "Exportable", "MeasuresCalibration", "Predicts"},
    "gru_tiny data=sunspots": {"EvaluatesNumbers", "Exportable", "KeepsForecast", "LooksAhead", "Predicts"},
    "mlp_table data=diabetes": {"EvaluatesNumbers", "Exportable", "Predicts"},
    "lstm_tiny data=python_source": {"Exportable", "GeneratesText"},
    "seq2seq_tiny": {"Exportable", "GeneratesText", "PredictsText", "Translates"},
    "autoencoder_tiny": {
        "DecodesCodes", "EncodesCodes", "Exportable", "Interpolates", "KeepsCodes", "Predicts", "Reconstructs",
    },
    "vae_tiny": {
        "DecodesCodes", "DrawsClasses", "DrawsImages", "EncodesCodes", "Exportable", "Interpolates", "KeepsCodes",
        "MeasuresCodes", "Predicts",
        "Reconstructs", "Traverses",
    },
    "vq_vae_tiny": {"DecodesCodes", "DrawsImages", "Exportable", "Predicts", "Reconstructs"},
    "gan_tiny": {"DecodesCodes", "DrawsClasses", "DrawsImages", "Exportable", "Interpolates"},
    "dqn": {"Acts", "Exportable"},
}  # fmt: skip
ASKED = sorted(set().union(*CHOICES.values()))


@pytest.mark.parametrize(("words", "wanted"), CHOICES.items())
def test_a_task_says_what_it_can_do(words: str, wanted: set[str]) -> None:
    config, _ = compose([f"model={words.split()[0]}", *words.split()[1:]])
    data = build(config.data)
    config.data.update(data.facts())
    task = build(config.task)
    assert {name for name in ASKED if isinstance(task, getattr(can, name))} == wanted
    assert isinstance(task, can.SaysHowItLearns) and isinstance(task, can.HasParts)


def test_a_strangers_task_need_not_inherit_anything() -> None:
    class Theirs:
        def prediction_columns(self, x: Any, labels: Any) -> dict[str, list[Any]]:
            return {}

    assert isinstance(Theirs(), can.Predicts) and not isinstance(Theirs(), can.Exportable)


def test_data_are_asked_the_same_way() -> None:
    images = SimpleNamespace(input_shape=(1, 8, 8), num_classes=3, class_names=["a", "b", "c"])
    table = SimpleNamespace(input_shape=(4,), num_classes=None, class_names=None)
    assert can.shows_images(images) and not can.shows_images(table) and not can.shows_images(SimpleNamespace())
    assert can.has_classes(images) and not can.has_classes(table) and not can.has_classes(SimpleNamespace())
    assert can.class_names(images) == ["a", "b", "c"] and can.class_names(SimpleNamespace()) is None
    assert not can.mixes_samples(images)
    assert not can.mixes_samples(SimpleNamespace(augmentation=None))
    assert can.mixes_samples(SimpleNamespace(augmentation=SimpleNamespace(mixes=True)))


def test_submodules_count_as_members() -> None:
    net = nn.Module()
    net.generator = nn.Linear(1, 1)
    assert can.lacks(net, "generator", "discriminator") == ["discriminator"]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (SimpleNamespace(num_outputs=3), True),
        (SimpleNamespace(), False),
        (SimpleNamespace(num_outputs=3, conditional=False, pictures=print), False),
        (SimpleNamespace(num_outputs=3, conditional=True, pictures=print), True),
    ],
)
def test_which_tasks_depend_on_the_classes(task: Any, expected: bool) -> None:
    assert can.depends_on_classes(task) is expected
