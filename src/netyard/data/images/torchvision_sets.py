"""Picture sets that torchvision knows how to download, held in memory: the MNIST family and CIFAR."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision.datasets
from filelock import FileLock

from netyard.data.core.archives import extract
from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.images.idx import find_idx, read_idx
from netyard.errors import DataError, PlatformError
from netyard.io.download import download

_MAX_BYTES = 1_000_000_000


@dataclass(kw_only=True, eq=False, repr=False)
class TorchvisionImages(DataModule):
    """A class of ``torchvision.datasets`` that keeps its pictures in one array, with the official test part.

    Raises:
        DataError: it is neither in ``root`` nor to be downloaded, or its files are damaged.
    """

    dataset: str
    """The class's name: CIFAR10, ..."""
    root: str = "~/.cache/netyard"

    def prepare_data(self) -> None:
        root = self._root()
        if self._is_there():
            return
        try:
            root.mkdir(parents=True, exist_ok=True)
            # Two runs started at once download once: the second waits, then finds the files.
            with FileLock(root / f".{self.dataset}.lock"):
                if not self._is_there():
                    aside = root / f".{self.dataset}.part"
                    aside.mkdir(exist_ok=True)
                    self._fetch(aside)
                    _move_files(aside, root)
        except PermissionError as error:
            raise PlatformError(
                f"{root} cannot be written to, and {self.dataset} is to be downloaded there;",
                "it must be a folder of yours;",
                "try data.root=FOLDER, or set NETYARD_DATA.",
            ) from error
        except OSError as error:
            raise self._missing(str(error).strip().splitlines()[-1]) from error

    def read(self) -> dict[str, Split]:
        if not self._is_there():
            raise self._missing("not downloaded")
        splits: dict[str, Split] = {}
        for name in ("train", "test"):
            # CIFAR's pickles are older than numpy 2, which warns of how they spell a dtype.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
                try:
                    source = self._source()(str(self._root()), train=name == "train")  # compares checksums
                except RuntimeError as error:
                    raise self._missing("its files are damaged: delete them") from error
            x = torch.from_numpy(source.data).permute(0, 3, 1, 2).contiguous()
            splits[name] = TensorSplit(x, torch.tensor(source.targets))
            self.class_names = list(source.classes)
        return splits

    def _fetch(self, folder: Path) -> None:
        """Download the archive of the set, and unpack it with more care than torchvision takes."""
        source = self._source()
        for left in folder.glob("*unpacked*"):  # by a process that was killed
            shutil.rmtree(left)
        archive = folder / source.filename
        download([source.url], archive, f"md5:{source.tgz_md5}", _MAX_BYTES)
        extract(archive, folder / "unpacked")
        archive.unlink()
        _move_files(folder / "unpacked", folder)

    def _is_there(self) -> bool:
        source = self._source()
        folder = self._root() / source.base_folder
        return all((folder / name).is_file() for name, _ in [*source.train_list, *source.test_list])

    def _root(self) -> Path:
        return Path(self.root).expanduser()

    def _source(self) -> Any:
        return getattr(torchvision.datasets, self.dataset)

    def _missing(self, reason: str) -> DataError:
        fetch = f"from torchvision.datasets import {self.dataset} as D; D('{self._root()}', download=True)"
        return DataError(
            f"{self.dataset} is not in {self._root()} ({reason});",
            "it is read from there, or downloaded when there is a network;",
            f'with a network, type: python -c "{fetch}"; or name its folder with data.root=FOLDER.',
        )


@dataclass(kw_only=True, eq=False, repr=False)
class IdxImages(TorchvisionImages):
    """A member of the MNIST family, read as its four IDX files lie, gzip or not.

    They are looked for in ``root``, ``root/raw`` and, where torchvision puts them, ``root/<dataset>/raw``.
    """

    def _fetch(self, folder: Path) -> None:
        source = self._source()
        for name, md5 in source.resources:  # each packed by itself, and read so
            urls = [f"{mirror}{name}" for mirror in source.mirrors]
            download(urls, folder / self.dataset / "raw" / name, f"md5:{md5}", _MAX_BYTES)

    def _folders(self) -> list[Path]:
        root = self._root()
        return [root, root / "raw", root / self.dataset / "raw"]

    def _files(self) -> dict[str, tuple[Path | None, Path | None]]:
        folders = self._folders()
        return {
            name: (
                find_idx(folders, f"{stem}-images-idx3-ubyte"),
                find_idx(folders, f"{stem}-labels-idx1-ubyte"),
            )
            for name, stem in (("train", "train"), ("test", "t10k"))
        }

    def _is_there(self) -> bool:
        return all(path for pair in self._files().values() for path in pair)

    def read(self) -> dict[str, Split]:
        splits: dict[str, Split] = {}
        for name, (images, labels) in self._files().items():
            if images is None or labels is None:
                raise self._missing(f"the {name} files are not there")
            x, y = read_idx(images), read_idx(labels)
            if x.ndim != 3 or y.ndim != 1 or len(x) != len(y):
                raise DataError(
                    f"{images} has shape {list(x.shape)} and {labels} {list(y.shape)};",
                    "pictures are (N, H, W), labels (N,), with one label to each picture;",
                    "delete them and fetch them again.",
                )
            splits[name] = TensorSplit(x[:, None], y.long())
        self.class_names = list(self._source().classes)
        return splits


def _move_files(source: Path, target: Path) -> None:
    """Put finished files where others look for them: a download that was cut short never lies there."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
    shutil.rmtree(source)
