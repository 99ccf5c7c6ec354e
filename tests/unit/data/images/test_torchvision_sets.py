"""MNIST's and CIFAR's files as they lie on disk, whole and damaged."""

from __future__ import annotations

import gzip
import hashlib
import socket
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets

from netyard.data.images.idx import read_idx
from netyard.errors import DataError, PlatformError
from support.datasets import build, write_cifar, write_idx, write_mnist


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize(("folder", "suffix"), [("", ""), ("", ".gz"), ("raw", ""), ("{class}/raw", ".gz")])
def test_idx_files_are_read_as_they_lie(tmp_path: Path, name: str, folder: str, suffix: str) -> None:
    data = build(name, root=str(tmp_path), batch_size=8)
    write_mnist(tmp_path / folder.replace("{class}", data.dataset), suffix)
    data.prepare_data()  # nothing to download
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert list(x.shape) == [8, *data.input_shape] and y.dtype == torch.int64
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [54, 6, 20]
    assert data.class_names is not None and len(data.class_names) == data.num_classes == 10


def test_official_test_part_is_not_touched(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    test = build("mnist", root=str(tmp_path), test_fraction=0.5).split("test")
    assert torch.equal(test.x[:, 0], read_idx(tmp_path / "t10k-images-idx3-ubyte"))
    assert test.y.tolist() == [*range(10), *range(10)]


def test_mirror_images_where_they_are_the_same_class() -> None:
    flips = {
        name: build(name, "standard").augmentation.flip for name in ("mnist", "fashion_mnist", "cifar10", "digits")
    }
    assert flips == {"mnist": False, "fashion_mnist": True, "cifar10": True, "digits": False}


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100", "digits", "digits_rows", "fake"])
def test_images_in_memory_are_not_changed_without_augmentation(name: str) -> None:
    assert [build(name, chosen).augmentation for chosen in ("auto", "none")] == [None, None]


@pytest.mark.parametrize(
    ("name", "num_classes", "sizes"), [("cifar10", 10, [45, 5, 10]), ("cifar100", 100, [9, 1, 10])]
)
def test_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, num_classes: int, sizes: list[int]) -> None:
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)  # of small stand-ins
    write_cifar(tmp_path, num_classes)
    data = build(name, root=str(tmp_path), batch_size=4)
    data.prepare_data()
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert list(x.shape) == [4, *data.input_shape] and y.max() < num_classes == data.num_classes
    assert [len(data.split(part)) for part in ("train", "val", "test")] == sizes
    assert data.class_names is not None and len(data.class_names) == num_classes


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where CIFAR-10 is downloaded from: an archive of small stand-ins."""
    write_cifar(tmp_path / "made", 10)
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "made", ".")
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/{path.name}"
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", url)
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", hashlib.md5(path.read_bytes()).hexdigest())
        yield path
        server.shutdown()


def test_an_archive_is_downloaded_and_unpacked(tmp_path: Path, published: Path) -> None:
    (tmp_path / "root" / ".CIFAR10.part" / ".unpacked.killed").mkdir(parents=True)
    data = build("cifar10", root=str(tmp_path / "root"), batch_size=4)
    data.prepare_data()
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [45, 5, 10]
    assert {path.name for path in (tmp_path / "root").iterdir()} <= {"cifar-10-batches-py", ".CIFAR10.lock"}


def test_a_hostile_archive_is_bad_data_and_writes_nothing(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(published, "w:gz") as archive:
        archive.add(tmp_path / "made", "../../canary")
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", hashlib.md5(published.read_bytes()).hexdigest())
    with pytest.raises(DataError, match=r"is not unpacked: '\.\./\.\./canary' in it is not a valid relative name"):
        build("cifar10", root=str(tmp_path / "root")).prepare_data()
    assert not list(tmp_path.rglob("canary*"))
    assert not list((tmp_path / "root").rglob("data_batch*"))


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_missing_without_network_is_one_message(tmp_path: Path, name: str) -> None:
    data = build(name, root=str(tmp_path / "new"))
    for ask in (data.prepare_data, data.setup):
        with pytest.raises(DataError) as caught:
            ask()
        message = str(caught.value)
        assert data.dataset in message and str(tmp_path / "new") in message and "\n" not in message
        assert "download=True" in message and "data.root=FOLDER" in message


@pytest.mark.usefixtures("no_network")
def test_damaged_cifar_names_the_folder(tmp_path: Path) -> None:
    write_cifar(tmp_path, 10)
    data = build("cifar10", root=str(tmp_path))
    with pytest.raises(DataError, match=r"CIFAR10 is not in .* \(its files are damaged: delete them\)"):
        data.setup()


def test_two_runs_at_once_download_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each of the four files, from the second mirror, for nobody answers at the first."""
    write_mnist(tmp_path / "site", ".gz")
    hashes = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in (tmp_path / "site").iterdir()}
    asked, root = [], tmp_path / "root"

    class Slow(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)
            time.sleep(0.05)
            assert not (root / "MNIST").exists()  # nothing half finished lies where a third would read it

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Slow, directory=tmp_path / "site")) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        mirrors = ["http://127.0.0.1:9/", f"http://127.0.0.1:{server.server_port}/"]
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", mirrors)
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", list(hashes.items()))
        with ThreadPoolExecutor(2) as runs:
            list(runs.map(lambda _: build("mnist", root=str(root)).prepare_data(), range(2)))
        server.shutdown()
    assert sorted(asked) == sorted(f"/{name}" for name in hashes)
    assert len(build("mnist", root=str(root)).split("train")) == 54
    assert {path.name for path in root.iterdir()} <= {"MNIST", ".MNIST.lock"}


def test_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PlatformError, match="set NETYARD_DATA"):
        build("mnist", root=str(tmp_path / "new")).prepare_data()


def test_environment_moves_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETYARD_DATA", "/elsewhere")
    assert build("mnist").root == "/elsewhere" and build("imagenet").root == "/elsewhere/imagenet"
    monkeypatch.delenv("NETYARD_DATA")
    assert build("cifar10").root == "~/.cache/netyard"


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
def test_idx_of_any_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    for name in ("plain", "packed.gz"):
        write_idx(tmp_path / name, array)
        assert np.array_equal(read_idx(tmp_path / name).numpy(), array)


def test_damaged_idx_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_idx(path, np.ones((4, 5)))
    whole = path.read_bytes()
    packed = gzip.compress(whole)
    damaged = [whole[:end] for end in range(len(whole))] + [packed[:end] for end in range(len(packed))]
    damaged += [whole + b"0", b"\x00\x00\x0d" + whole[3:], packed[:20] + b"\xff" + packed[21:]]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match="delete it and download it again"):
            read_idx(path)


def test_labels_and_pictures_must_belong_together(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(59))
    with pytest.raises(DataError, match="one label for each image"):
        build("mnist", root=str(tmp_path)).setup()
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.full(60, 11))
    with pytest.raises(DataError, match="label 11 of train sample 0 is out of range"):
        build("mnist", root=str(tmp_path)).setup()
