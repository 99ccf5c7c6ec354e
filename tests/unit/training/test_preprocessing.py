"""Pretrained weights bring the mean, std, filter and crop that they were made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from netyard.config.compose import compose
from netyard.run_directories.directory import RunDir
from netyard.training import preprocessing
from support.run_directories import made_run

FOLDER = ("data=image_folder", "data.root=photos")
VIT = ("model=timm", "model.architecture=test_vit", "model.pretrained=weights.pt")
# As timm's own pretrained_cfg of test_vit says.
OF_VIT = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "crop_ratio": 0.95}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def values(cfg: Any) -> dict[str, Any]:
    node = OmegaConf.to_container(cfg.data)
    return {key: node[key] for key in preprocessing.KEYS if key in node}


def applied(words: tuple[str, ...], path: Path, recorded: Any = None) -> tuple[Any, preprocessing.Preprocessing | None]:
    cfg, _ = compose([*words])
    return cfg, preprocessing.apply(cfg, RunDir(path), recorded)


def test_images_from_files_get_mean_std_filter_and_crop(tmp_path: Path) -> None:
    cfg, found = applied((*VIT, *FOLDER), tmp_path)
    assert found is not None and found.record() == {"made_for": "timm's test_vit", **OF_VIT}
    assert values(cfg) == OF_VIT


@pytest.mark.parametrize(
    ("model", "filter", "crop"),
    [("resnet18", "bicubic", 0.95), ("vgg11", "bilinear", 224 / 256), ("efficientnet_b0", "bicubic", 0.875)],
)
def test_each_library_says_what_its_weights_need(tmp_path: Path, model: str, filter: str, crop: float) -> None:
    cfg, _ = applied((f"model={model}", "model.pretrained=true", *FOLDER), tmp_path)
    assert values(cfg) == {**IMAGENET, "interpolation": filter, "crop_ratio": crop}


def test_grey_images_in_memory_get_the_mean_over_the_colours(tmp_path: Path) -> None:
    cfg, _ = applied(("model=resnet18", "model.pretrained=weights.pt", "data=digits"), tmp_path)
    assert cfg.data.mean == pytest.approx([(0.485 + 0.456 + 0.406) / 3])
    assert cfg.data.std == pytest.approx([(0.229 + 0.224 + 0.225) / 3])
    assert cfg.data.interpolation == "bicubic" and "crop_ratio" not in cfg.data


def test_what_is_typed_stays(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    words = (*VIT, *FOLDER, "data.mean=[0.1,0.2,0.3]", "data.crop_ratio=1.0", "data.interpolation=bilinear")
    (tmp_path / ".hydra" / "overrides.yaml").write_text("\n".join(f"- {word}" for word in words))
    cfg, _ = applied(words, tmp_path)
    assert values(cfg) == {"mean": [0.1, 0.2, 0.3], "std": [0.5] * 3, "interpolation": "bilinear", "crop_ratio": 1.0}


@pytest.mark.parametrize(
    "words",
    [
        (*VIT, *FOLDER, "model.preprocessing=data"),
        ("model=resnet18", *FOLDER),  # no weights
        ("model=cnn", "model.pretrained=run", *FOLDER),
        ("model=mlp", "data=iris"),
        ("model=inception_v2", "model.pretrained=weights.pt", *FOLDER),  # of netyard, published by no library
        ("model=resnet18", "model.pretrained=weights.pt", "data=fake", "data.channels=5"),
    ],
    ids=str,
)
def test_other_data_stay_as_they_are(tmp_path: Path, words: tuple[str, ...]) -> None:
    before = values(compose([*words])[0])
    cfg, found = applied(words, tmp_path)
    assert {**values(cfg), "interpolation": None} == {**before, "interpolation": None}
    assert found is None or found.values.keys() == {"interpolation"}


def test_the_preprocessing_of_an_architecture_can_be_had_without_its_weights(tmp_path: Path) -> None:
    cfg, _ = applied(("model=resnet18", "model.preprocessing=weights", *FOLDER), tmp_path)
    assert cfg.data.crop_ratio == 0.95


def test_a_resumed_run_keeps_what_it_was_begun_with(tmp_path: Path) -> None:
    # Of an earlier version, that had no rule: the values of the data.
    recorded = {"data": {"mean": [0.1] * 3, "std": [0.2] * 3, "crop_ratio": 0.8}, "model": {}}
    cfg, _ = applied((*VIT, *FOLDER), tmp_path, recorded)
    assert values(cfg) == {"mean": [0.1] * 3, "std": [0.2] * 3, "interpolation": None, "crop_ratio": 0.8}


@pytest.mark.parametrize("measured", [False, True])
def test_weights_of_a_run_bring_the_preprocessing_of_the_run(tmp_path: Path, measured: bool) -> None:
    run = made_run(tmp_path / "run", None)
    stated = {"mean": [0.1], "std": [0.2]}
    data = {"_target_": "netyard.data.x.Digits", "channels": 1, **(dict.fromkeys(stated) if measured else stated)}
    content: dict[str, Any] = {"netyard": {"config": {"data": data}}, "state_dict": {}}
    if measured:
        content["Digits"] = {"statistics": [[0.1], [0.2]]}
    (run / "checkpoints").mkdir(exist_ok=True)
    torch.save(content, run / "checkpoints" / "best.ckpt")
    for source in (run, run / "checkpoints" / "best.ckpt"):
        cfg, found = applied(("model=resnet18", f"model.pretrained={source}", "data=digits"), tmp_path)
        assert found is not None and found.source == str(source)
        assert (cfg.data.mean, cfg.data.std) == ([0.1], [0.2])


def test_other_images_of_an_evaluation_are_prepared_as_the_run_prepared_its_own() -> None:
    recorded = {"model": {}, "data": {**OF_VIT, "channels": 3, "image_size": 224}}
    cfg, _ = compose([*VIT, *FOLDER])
    preprocessing.keep(cfg, recorded, {}, {"data", "data.crop_ratio"})
    assert values(cfg) == {**OF_VIT, "crop_ratio": "${by_task:0.875,1.0}"}, "a key that was typed stays"
    # Statistics that were measured on the training images.
    cfg, _ = compose([*VIT, *FOLDER])
    measured = {"statistics": [[0.1, 0.2, 0.3], [0.5, 0.5, 0.5]]}
    preprocessing.keep(cfg, {"model": {}, "data": {"image_size": 8, "mean": None}}, measured, {"data"})
    assert values(cfg)["mean"] == [0.1, 0.2, 0.3]
    preprocessing.keep(cfg, {"model": {}, "data": {}}, {}, {"data"})  # a run on a table
    assert values(cfg)["mean"] == [0.1, 0.2, 0.3]
