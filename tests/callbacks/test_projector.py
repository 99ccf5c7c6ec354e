"""The map of a test's codes: files that TensorBoard's projector reads, and serves as they were."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from netyard.callbacks.projector import Projector, write_map

RUN = ("model=autoencoder_tiny", "data=digits", "trainer=cpu", "trainer.max_epochs=1")
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
    ran = train("model=autoencoder_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert not embedding(ran.path).HasField("sprite")
    assert set(labels(ran.path)) == {"setosa", "versicolor", "virginica"}


def test_a_run_without_codes_or_without_a_dashboard_has_no_map(train, tmp_path: Path):
    for name, overrides in (("classes", ("model=mlp_tiny",)), ("none", ("model=autoencoder_tiny", "logger=none"))):
        ran = train(*overrides, "data=digits", "trainer=cpu", "trainer.max_epochs=1", path=tmp_path / name)
        assert ran.code == 0, ran.err
        assert not list(ran.path.glob("projector*"))


@pytest.mark.parametrize(("data", "pictures"), [("digits", True), ("digits_rows", True), ("iris", False)])
def test_a_classification_has_a_map_on_request(train, data: str, pictures: bool):
    model = "lstm_tiny" if data == "digits_rows" else "mlp_tiny"
    words = ("trainer=cpu", "trainer.max_epochs=1", "callbacks.projector.features=true", "data.eval_batch_size=50")
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


def test_another_rank_writes_nothing(tmp_path: Path):
    logger = SimpleNamespace(experiment=SimpleNamespace(add_image=None), log_dir=str(tmp_path))
    codes = SimpleNamespace(codes=torch.rand(2, 3), labels=torch.tensor([0, 1]), pictures=None)
    trainer: Any = SimpleNamespace(is_global_zero=False, logger=logger, datamodule=None)
    Projector().on_test_end(trainer, SimpleNamespace(codes=codes))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    trainer.is_global_zero = True
    Projector().on_test_end(trainer, SimpleNamespace(codes=codes))  # type: ignore[arg-type]
    assert labels(tmp_path) == ["0", "1"]


def test_a_second_map_takes_the_place_of_the_first(tmp_path: Path):
    write_map(tmp_path, torch.rand(4, 2), "abcd", torch.rand(4, 3, 8, 8))
    codes = torch.tensor([[1 / 3, -1e-20], [12345.678, 0.0]])
    write_map(tmp_path, codes, ["a\tb", "\n"], torch.rand(2, 2, 12, 8))
    read = np.loadtxt(tmp_path / "projector" / "tensors.tsv", delimiter="\t", dtype=np.float32)
    assert np.allclose(read, codes.numpy(), rtol=1e-6, atol=0)
    assert labels(tmp_path) == ["a b", "?"]
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Callable[[Path], Callable[[str], bytes]]]:
    """Start TensorBoard over a folder; it answers ``ask("projector/runs")``."""
    started: list[subprocess.Popen[bytes]] = []

    def start(path: Path) -> Callable[[str], bytes]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["tensorboard.main", "--logdir", str(path), "--host", "127.0.0.1", "--port", str(port)]
        with (tmp_path / "board.log").open("wb") as said:
            started.append(subprocess.Popen([sys.executable, "-W", "ignore", "-m", *words], stdout=said, stderr=said))

        def ask(what: str) -> bytes:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/{what}", timeout=60) as answer:
                return answer.read()

        end = time.monotonic() + 120
        while True:  # the server is up, and has found a run
            try:
                if json.loads(ask("projector/runs")):
                    return ask
            except (urllib.error.URLError, ConnectionError):
                pass
            assert time.monotonic() < end and started[-1].poll() is None, (tmp_path / "board.log").read_text()
            time.sleep(0.2)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_tensorboard_shows_the_map(train, board, tmp_path: Path):
    outputs = tmp_path / "outputs"
    for name in ("digits", "iris"):
        ran = train("model=autoencoder_tiny", f"data={name}", *RUN[2:], path=outputs / "today" / name)
        assert ran.code == 0, ran.err
    ask = board(outputs)
    assert sorted(json.loads(ask("projector/runs"))) == [f"today{os.sep}digits", f"today{os.sep}iris"]

    of = "run=today/digits&name=test/codes"
    (info,) = json.loads(ask("projector/info?run=today/digits"))["embeddings"]
    assert info["tensorName"] == "test/codes" and info["tensorShape"] == [NUM_TESTED, 8]
    assert info["sprite"]["singleImageDim"] == [64, 64]
    codes = np.frombuffer(ask(f"projector/tensor?{of}"), dtype=np.float32).reshape(-1, 8)
    assert np.array_equal(codes, np.loadtxt(outputs / "today/digits" / info["tensorPath"], dtype=np.float32))
    assert ask(f"projector/metadata?{of}").decode().split() == labels(outputs / "today/digits")
    with Image.open(BytesIO(ask(f"projector/sprite_image?{of}"))) as sheet:
        assert sheet.size == (1216, 1216)

    (info,) = json.loads(ask("projector/info?run=today/iris"))["embeddings"]
    assert "sprite" not in info and info["tensorShape"] == [30, 8]
