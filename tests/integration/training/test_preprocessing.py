"""A network with pretrained weights gets images as the weights need them, from training to the exported file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch

import netyard
from netyard.data.images.decode import CentreBox, read_crop
from netyard.export.description import of_run
from netyard.training import checkpoint
from support.user_files import write_photos

OF_VIT = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "crop_ratio": 0.95}


def test_the_preprocessing_of_the_weights_is_used_everywhere(train, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    weights = timm.create_model("test_vit", num_classes=7, img_size=32).state_dict()
    torch.save({"model": {f"module.{key}": value for key, value in weights.items()}}, tmp_path / "weights.pth")
    ran = train(
        *("model=timm", "model.architecture=test_vit", f"model.pretrained={tmp_path / 'weights.pth'}", "trainer=cpu"),
        *("data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=32", "data.num_workers=0"),
        *("data.batch_size=8", "trainer.max_epochs=1", "logger=none"),
    )
    assert ran.code == 0, ran.err
    assert "images as the weights of timm's test_vit need them: mean [0.5, 0.5, 0.5], std [0.5" in ran.err + ran.out
    results = ran.json("results.json")
    assert results["data_summary"]["preprocessing"] == {"made_for": "timm's test_vit", **OF_VIT}

    recorded = checkpoint.read(ran.path / "checkpoints" / "best.ckpt")
    config, choices = checkpoint.config_and_choices(recorded, ran.path)
    assert {key: config["data"][key] for key in OF_VIT} == OF_VIT
    facts = of_run("0", choices, config, checkpoint.build_data(recorded, config))["facts"]
    assert {key: facts[key] for key in OF_VIT} == OF_VIT

    run = netyard.load(ran.path)
    assert run.evaluate()["test/loss"] == pytest.approx(results["metrics"]["test/loss"], rel=1e-5)
    # A prediction by hand: the centre crop by a bicubic filter, and pixels from -1 to 1.
    photo = next((tmp_path / "photos").rglob("*.png"))
    pixels = read_crop(photo, (32, 32), CentreBox(0.95), interpolation="bicubic")
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255 * 2 - 1
    with torch.no_grad():
        expected = run.net(x).softmax(dim=1).max().item()
    assert run.predict(photo)[0]["probability"] == pytest.approx(expected, rel=1e-4)

    # The same data, named as other data, are prepared the same way.
    other = run.evaluate(
        "data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=32", "data.num_workers=0"
    )
    assert other["test/loss"] == pytest.approx(results["metrics"]["test/loss"], rel=1e-5)

    # A resumed run does not need the file of the weights any more, and keeps the preprocessing.
    (tmp_path / "weights.pth").unlink()
    again = train(f"resume={ran.path}", "trainer.max_epochs=2", path=ran.path)
    assert again.code == 0, again.err
    assert json.loads((ran.path / "results.json").read_text())["data_summary"]["preprocessing"]["mean"] == [0.5] * 3
