"""The map of a test's codes: files that TensorBoard's projector reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

SHORT = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=2", "callbacks.figures=null")
RUN = ("model=autoencoder_tiny", "data=digits", *SHORT)
NUM_TESTED = 359  # a fifth of the digits


def embedding(path: Path) -> Any:
    (only,) = text_format.Parse((path / "projector_config.pbtxt").read_text(), ProjectorConfig()).embeddings
    return only


def labels(path: Path) -> list[str]:
    return (path / "projector" / "metadata.tsv").read_text(encoding="utf-8").splitlines()


def test_a_test_of_an_autoencoder_leaves_a_map(train):
    ran = train(*RUN)
    assert ran.code == 0, ran.err
    info = embedding(ran.path)
    assert info.tensor_name == "test/codes"
    codes = np.loadtxt(ran.path / info.tensor_path, delimiter="\t")
    assert codes.shape == (NUM_TESTED, 8) and np.isfinite(codes).all()
    assert len(labels(ran.path)) == NUM_TESTED and set(labels(ran.path)) == set(map(str, range(10)))
    with Image.open(ran.path / info.sprite.image_path) as sheet:
        assert sheet.size == (19 * 64, 19 * 64) and list(info.sprite.single_image_dim) == [64, 64]
    assert {each.name for each in (ran.path / "projector").iterdir()} == {"tensors.tsv", "metadata.tsv", "sprite.png"}


def test_a_table_has_points_without_pictures_and_their_classes_by_name(train):
    ran = train("model=autoencoder_tiny", "data=iris", *SHORT)
    assert ran.code == 0, ran.err
    assert not embedding(ran.path).HasField("sprite")
    assert set(labels(ran.path)) == {"setosa", "versicolor", "virginica"}


def test_a_run_without_codes_or_without_a_dashboard_has_no_map(finished):
    for name in ("drawn_digits", "reconstruction"):
        assert not list(finished(name).glob("projector*"))


@pytest.mark.parametrize(("data", "pictures"), [("digits", True), ("digits_rows", True), ("iris", False)])
def test_a_classification_has_a_map_on_request(train, data: str, pictures: bool):
    model = "lstm_tiny" if data == "digits_rows" else "mlp_tiny"
    words = (*SHORT, "callbacks.projector.features=true", "data.eval_batch_size=50")
    ran = train(f"model={model}", f"data={data}", *words)
    assert ran.code == 0, ran.err
    info, codes = embedding(ran.path), np.loadtxt(ran.path / "projector" / "tensors.tsv", delimiter="\t")
    assert info.HasField("sprite") == pictures
    assert len(codes) == len(labels(ran.path)) == (30 if data == "iris" else NUM_TESTED)
    state = torch.load(ran.path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    head = [name for name, each in state.items() if each.ndim == 2][-1]
    names = ["setosa", "versicolor", "virginica"] if data == "iris" else list(map(str, range(10)))
    answers = (codes @ state[head].numpy().T + state[head.replace("weight", "bias")].numpy()).argmax(axis=1)
    right = np.mean([names[answer] == label for answer, label in zip(answers, labels(ran.path), strict=True)])
    assert right == pytest.approx(ran.json("results.json")["metrics"]["test/accuracy"], abs=0.004)
