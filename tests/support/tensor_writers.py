"""Examples of code that writes checkpoints, features, exported weights and data sets."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from PIL import Image
from torch import nn

from netyard.callbacks.best_and_last import BestAndLast
from netyard.data.images import packed, torchvision_sets
from netyard.errors import CheckpointError
from netyard.export import export as exporting
from netyard.export.request import Request
from netyard.io import safe_load
from netyard.metrics.cache import cached
from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.kill_points import Writer

torch.set_num_threads(1)


class Saver:
    """Saves states of a run with the run's own callback and file format; a state is a number, everywhere in it."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.callback = BestAndLast("val/score", "max", keep)
        self.callback.attach(SimpleNamespace(run_dir=SimpleNamespace(checkpoints=folder)))
        self.io = checkpoint.WholeFileIO()
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, number: int, best: bool) -> None:
        trainer: Any = SimpleNamespace(
            global_step=10 * number,
            current_epoch=number,
            is_global_zero=True,
            loggers=[],
            save_checkpoint=lambda path, weights_only: self.io.save_checkpoint(self._state(number), path),
            strategy=SimpleNamespace(checkpoint_io=self.io, broadcast=lambda saved: saved),
        )
        self.callback.save(trainer, best)

    def _state(self, number: int) -> dict[str, Any]:
        own = {"callback": self.callback.state_dict()}
        return {"global_step": 10 * number, "state_dict": {"weight": torch.full((5000,), float(number))}, **own}


def number_of(folder: Path, name: str) -> int:
    """Return the number of a checkpoint, after checking that all its values have this number; 0 if there is none."""
    try:
        found = checkpoint.read(folder / f"{name}.ckpt")
    except CheckpointError as error:
        assert "there is no checkpoint" in str(error), error
        return 0
    number = found["global_step"] // 10
    assert torch.equal(found["state_dict"]["weight"], torch.full((5000,), float(number)))
    assert found["callback"]["number"] == number
    return number


def checkpoints(keep: int, bests: tuple[bool, ...], links: bool = True) -> Writer:
    """States 1, 2, ..., of which ``keep`` stay and some are the best so far; the last one is the one to be written."""
    newest = len(bests)

    def saves(saver: Saver, first: int, last: int) -> None:
        with patch("os.link", os.link if links else _refuse):
            for number in range(first, last + 1):
                saver.save(number, number > newest or bests[number - 1])

    def goes_on(folder: Path) -> None:
        """A resumed run: it saves what it had not yet, and one state more."""
        manifest.delete_temporaries(folder)
        saver, last = Saver(folder, keep), number_of(folder, "last")
        if last:
            saver.callback.load_state_dict(checkpoint.read(folder / "last.ckpt")["callback"])
        saves(saver, last + 1, newest + 1)

    def before(folder: Path) -> None:
        saves(Saver(folder, keep), 1, newest - 1)

    def write(folder: Path) -> None:
        saver = Saver(folder, keep)
        if newest > 1:
            saver.callback.load_state_dict(checkpoint.read(folder / "last.ckpt")["callback"])
        saves(saver, newest, newest)

    return Writer(before, write, lambda folder: tuple(number_of(folder, name) for name in ("last", "best")), goes_on)


def _refuse(*_: object) -> None:
    raise OSError("no hard links here")


def histories() -> Iterator[tuple[int, tuple[bool, ...]]]:
    """How many saves stay, and which of the saves so far were the best: every course of up to three."""
    for keep in (1, 2):
        for length in (1, 2, 3):
            for bits in range(2 ** (length - 1)):
                yield keep, (True, *(bool(bits >> at & 1) for at in range(length - 1)))


def features(found: bytes | None) -> Writer:
    """What was computed of a real set, once; ``found`` lies in its place."""

    def before(folder: Path) -> None:
        folder.mkdir(parents=True)
        if found is not None:
            (folder / "key.pt").write_bytes(found)

    def write(folder: Path) -> None:
        cached(folder, "key", lambda: {"mean": torch.ones(3000), "covariance": torch.full((60, 60), 2.0)})

    def seen(folder: Path) -> object:
        try:
            content = safe_load.load(folder / "key.pt")
        except safe_load.UNREADABLE:
            return (folder / "key.pt").read_bytes() if (folder / "key.pt").exists() else None
        return {name: tensor.tolist() for name, tensor in content["tensors"].items()}

    return Writer(before, write, seen)


def export(format: str) -> Writer:
    """The weights of a network, in the place of those of another one."""

    def of(value: float, folder: Path) -> None:
        net = nn.Linear(50, 50)
        nn.init.constant_(net.weight, value)
        nn.init.zeros_(net.bias)
        request = Request(RunDir(folder), format, folder / "exports" / "net.bin")
        exporting.write(request, SimpleNamespace(net=net), None, {"task": "classification"})

    return Writer(
        lambda folder: of(1.0, folder), lambda folder: of(2.0, folder), lambda at: (at / "exports/net.bin").read_bytes()
    )


def data_set() -> Writer:
    """CIFAR-10, whose server has short files."""
    made = io.BytesIO()
    source = torchvision_sets.torchvision.datasets.CIFAR10
    files = {name: name.encode() * 1000 for name, _ in [*source.train_list, *source.test_list]}
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{source.base_folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

    def download(urls: Sequence[str], path: Path, digest: str, max_bytes: int) -> None:
        path.write_bytes(made.getvalue())

    def write(folder: Path) -> None:
        data = torchvision_sets.TorchvisionImages(dataset="CIFAR10", root=str(folder))
        with patch.object(torchvision_sets, "download", download):
            data.prepare_data()

    def seen(folder: Path) -> object:
        data = torchvision_sets.TorchvisionImages(dataset="CIFAR10", root=str(folder))
        if not data._is_there():
            return None
        return {name: (folder / source.base_folder / name).read_bytes() for name in files}

    return Writer(lambda folder: folder.mkdir(parents=True), write, seen)


def pictures() -> Writer:
    """A cache of pictures, written in three batches."""

    def cache(folder: Path) -> packed.Cache:
        return packed.Cache(folder / "cache" / "8-key.pictures", 8)

    def sources(folder: Path) -> list[Path]:
        return [folder / "photos" / f"{number}.png" for number in range(40)]

    def before(folder: Path) -> None:
        (folder / "photos").mkdir(parents=True)
        for number, path in enumerate(sources(folder)):
            Image.new("RGB", (16, 12), (number, 0, 255)).save(path)

    def seen(folder: Path) -> object:
        found = packed.opened(cache(folder).path)
        return found and [found.read(number).getpixel((0, 0)) for number in range(len(found))]

    return Writer(before, lambda folder: packed.make(cache(folder), sources(folder), 0), seen)


WRITERS: dict[str, dict[str, Writer]] = {
    "a state of a run, its manifest and its names": {
        **{f"{keep} stay of {bests}": checkpoints(keep, bests) for keep, bests in histories()},
        "without hard links": checkpoints(1, (True, True), links=False),
    },
    "what was computed of a real set": {"new": features(None), "in the place of a broken one": features(b"half")},
    "exported weights": {each: export(each) for each in ("state_dict", "safetensors")},
    "a data set that is fetched": {"CIFAR10": data_set()},
    "a cache of pictures": {"new": pictures()},
}
