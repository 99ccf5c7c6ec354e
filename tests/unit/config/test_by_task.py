"""Values of data that depend on the task, and what a resumed run keeps of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.config import by_task
from netyard.config.compose import compose
from netyard.config.schema import resolve
from netyard.errors import ConfigError

FOLDER = ["data=image_folder", "data.root=photos"]
KEYS = ("image_size", "channels", "crop_scale", "crop_ratio", "mean", "class_folders")


def data_of(*overrides: str) -> dict:
    cfg, choices = compose([*FOLDER, *overrides])
    return resolve(cfg, choices)["data"]


@pytest.mark.parametrize("model", ["mlp", "resnet18", "autoencoder", "vae", "vq_vae", "dcgan"])
def test_images_are_enlarged_and_cropped_for_tasks_that_predict_alone(model: str) -> None:
    found = data_of(f"model={model}")
    predicts = model in ("mlp", "resnet18")
    usual = [224, 3, [0.08, 1.0], 0.875, [0.485, 0.456, 0.406], True]
    assert [found[key] for key in KEYS] == (usual if predicts else [None, None, None, 1.0, None, None])
    assert found["input_shape"] == ([3, 224, 224] if predicts else [None, None, None])


def test_what_is_typed_stays_and_height_and_width_are_a_shape() -> None:
    found = data_of("model=vae", "data.image_size=[40,48]", "data.channels=1", "data.crop_scale=[0.5,1.0]")
    assert found["input_shape"] == [1, 40, 48] and found["crop_scale"] == [0.5, 1.0]


def test_a_task_needs_a_target_if_its_number_of_outputs_may_not_be_null() -> None:
    assert by_task.predicts({"_target_": "netyard.tasks.classification.Classification", "num_outputs": None})
    assert not by_task.predicts({"_target_": "netyard.tasks.adversarial.Adversarial", "num_outputs": None})
    assert not by_task.predicts({"_target_": "netyard.tasks.variational.Variational"})
    assert by_task.predicts({"_target_": "mine.Task", "num_outputs": 3}), "of an unknown class"


def test_the_target_of_a_table_is_needed_by_tasks_that_predict_alone(tmp_path: Path) -> None:
    from netyard.config import schema

    cfg, choices = compose(["data=csv", "data.path=x.csv", "model=autoencoder"])
    schema.check(cfg, choices)
    cfg, choices = compose(["data=csv", "data.path=x.csv"])
    with pytest.raises(ConfigError, match=r"needs data\.target; .* or without a target try model=autoencoder\.$"):
        schema.check(cfg, choices)


def test_a_resumed_run_keeps_what_it_was_begun_with() -> None:
    cfg, choices = compose([*FOLDER, "model=vae", "data.crop_ratio=0.5"])
    # Of before these keys depended on the task: a key that did not exist has the default of its class.
    by_task.keep(cfg, {"data": {"image_size": 224, "crop_scale": [0.08, 1.0], "mean": [0.5] * 3, "channels": 3}})
    found = resolve(cfg, choices)["data"]
    assert [found[key] for key in KEYS] == [224, 3, [0.08, 1.0], 0.5, [0.5] * 3, True]
