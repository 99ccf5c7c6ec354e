"""Training, evaluate, predict and an exported file prepare an image alike, to the last bit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor

import netyard
from netyard.inference import evaluate as testing
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint

ROOT = Path(__file__).parents[4]
SIZES = ((61, 47), (33, 80), (121, 99), (37, 36), (253, 131))
EXIF = (1, 3, 6, 8, 5)  # orientations


def write_photographs(folder: Path) -> None:
    """Write two classes of photographs of odd sizes, as a camera turns them, in several formats and modes."""
    rng = np.random.default_rng(0)
    for label in ("ape", "bee"):
        (folder / label).mkdir(parents=True)
        for number in range(20):
            picture = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
            picture = picture.resize(SIZES[number % 5], Image.Resampling.BICUBIC)
            picture = picture.convert({0: "L", 1: "RGBA", 2: "P"}.get(number % 8, "RGB"))
            if picture.mode == "RGBA":
                picture.putalpha(picture.getchannel("R"))
            exif = Image.Exif()
            exif[0x0112] = EXIF[number % 5]
            jpeg = number % 3 == 0 and picture.mode != "P"
            picture.convert("RGB" if jpeg and picture.mode == "RGBA" else picture.mode).save(
                folder / label / f"{label}{number}.{'jpg' if jpeg else 'png'}", exif=exif
            )


def prepared(data: Any, batches: Any) -> Tensor:
    return torch.cat([data.prepare(x, torch.zeros(len(x)))[0] for x in batches])


@pytest.mark.parametrize("cached", [False, True], ids=["without cache", "with cache"])
def test_an_image_is_the_same_everywhere(train, tmp_path: Path, monkeypatch, cached: bool) -> None:
    write_photographs(tmp_path / "photos")
    overrides = ["data=image_folder", f"data.root={tmp_path / 'photos'}", "data.image_size=24", "data.num_workers=0"]
    overrides += ["model=cnn_tiny", "trainer=cpu", "trainer.max_epochs=1", "logger=none", "data.crop_ratio=0.9"]
    overrides += [f"data.cache={tmp_path / 'cache'}"] if cached else []
    ran = train(*overrides, path=tmp_path / "run")
    assert ran.code == 0, ran.err
    run = netyard.load(tmp_path / "run")

    # As in the test and the validation of training, which read the cache.
    data = run.datamodule
    data.setup("fit")
    assert bool(list(tmp_path.glob("cache/*.pictures"))) == cached
    trained = prepared(data, (x for x, *_ in data.test_dataloader()))
    paths = [Path(str(path)) for path in data.split("test").paths]
    # The same files elsewhere, and no cache.
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    for path in paths:
        (tmp_path / "given" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "given" / path.parent.name)
    predicting = run.datamodule
    predicted = prepared(predicting, (batch.x for batch in predicting.inputs(str(tmp_path / "given")).batches))
    recorded, config, _ = checkpoint.read_of(RunDir(run.path))
    cfg = OmegaConf.create(config)
    cfg.data.root, cfg.data.cache = str(tmp_path / "given"), None
    metrics, _, evaluating = testing.evaluate(cfg, recorded, RunDir(run.path), typed={"data.root"})
    evaluated = prepared(evaluating, (x for x, *_ in evaluating.test_dataloader()))
    order = [[path.name for path in evaluating.split("test").paths].index(path.name) for path in paths]
    assert len(trained) == len(paths) == 8
    assert torch.equal(trained, predicted[order]) and torch.equal(trained, evaluated[order])
    assert metrics["test/accuracy"] == run.metrics["test/accuracy"]

    # As the lines of the guide prepare them for the exported file.
    monkeypatch.chdir(tmp_path)
    file = run.export("onnx")
    guide = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    lines = re.search(r"From an image to an array\n.*?```python\n(.*?)```", guide, re.DOTALL)
    assert lines is not None
    session = onnxruntime.InferenceSession(str(file))
    compared = 0
    for path, wanted in zip(paths, trained, strict=True):
        if path.suffix == ".png":
            known: dict[str, Any] = {}
            exec(lines[1].replace("RUN_DIR/exports/model.onnx", str(file)).replace("photo.png", str(path)), known)
            assert known["pixels"].dtype == np.float32
            assert np.array_equal(known["pixels"][0], wanted.numpy())
            (logits, _) = session.run(None, {"input": known["pixels"]})
            with torch.no_grad():
                np.testing.assert_allclose(logits, run.task(wanted[None]).numpy(), rtol=1e-4, atol=1e-5)
            compared += 1
    assert compared >= 3
    # Stored pixels given as an array are prepared like those of a file.
    stored = next(iter(predicting.inputs(str(tmp_path / "given" / "ape")).batches)).x
    arrays, files = run.predict(stored.numpy()), run.predict(tmp_path / "given" / "ape")
    assert [[*row.values()][1:] for row in arrays] == [[*row.values()][1:] for row in files]
