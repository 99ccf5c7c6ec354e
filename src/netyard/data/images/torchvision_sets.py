"""Data sets of torchvision, downloaded and held in memory: the MNIST family and CIFAR."""

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

_MAX_BYTES = 1_000_000_000  # of a download: the largest, CIFAR, has 170 MB


@dataclass(kw_only=True, eq=False, repr=False)
class TorchvisionImages(DataModule):
    """A class of ``torchvision.datasets`` that holds its images in one array, with the official test split.

    Raises:
        DataError: it is not in ``root`` and cannot be downloaded, or its files are damaged.
    """

    dataset: str
    """Name of the class: CIFAR10, ..."""
    root: str = "~/.cache/netyard"

    def prepare_data(self) -> None:
        root = self._root()
        if self._is_there():
            return
        try:
            root.mkdir(parents=True, exist_ok=True)
            # Of two runs that start at once the second waits for the first, and then finds the files.
            with FileLock(root / f".{self.dataset}.lock"):
                if not self._is_there():
                    aside = root / f".{self.dataset}.part"
                    aside.mkdir(exist_ok=True)
                    self._fetch(aside)
                    _move_files(aside, root)
        except PermissionError as error:
            raise PlatformError(
                f"{root} is not writable, and {self.dataset} must be downloaded to it;",
                "data.root is a folder that you can write to;",
                "try data.root=FOLDER, or set NETYARD_DATA.",
            ) from error
        except OSError as error:
            raise self._missing(str(error).strip().splitlines()[-1]) from error

    def read(self) -> dict[str, Split]:
        if not self._is_there():
            raise self._missing("not downloaded")
        splits: dict[str, Split] = {}
        for name in ("train", "test"):
            # CIFAR's pickles are older than NumPy 2, which warns of the way they write a dtype.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
                try:
                    source = self._source()(str(self._root()), train=name == "train")  # verifies checksums
                except RuntimeError as error:
                    raise self._missing("its files are damaged: delete them") from error
            # (N, H, W, C) -> (N, C, H, W)
            x = torch.from_numpy(source.data).permute(0, 3, 1, 2).contiguous()
            splits[name] = TensorSplit(x, torch.tensor(source.targets))
            self.sources[name] = f"the official {name} split of {self.dataset}"
            self.class_names = list(source.classes)
        return splits

    def _fetch(self, folder: Path) -> None:
        """Download and unpack the archive of the data set, with the checks of ``extract``."""
        source = self._source()
        for left in folder.glob("*unpacked*"):  # of a process that was killed
            shutil.rmtree(left)
        archive = folder / source.filename
        # Not torchvision's own download: its tarfile.extractall follows links and paths out of the folder.
        download([source.url], archive, f"md5:{source.tgz_md5}", _MAX_BYTES)
        extract(archive, folder / "unpacked")
        archive.unlink()  # as large as the files, and not needed again
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
            "it is read from there, or downloaded if there is a network;",
            f'with a network, type: python -c "{fetch}"; or set data.root=FOLDER to its folder.',
        )


@dataclass(kw_only=True, eq=False, repr=False)
class IdxImages(TorchvisionImages):
    """A data set of the MNIST family, read from its four IDX files, compressed by gzip or not.

    They are searched for in ``root``, ``root/raw`` and, as torchvision stores them, ``root/<dataset>/raw``.
    """

    def _fetch(self, folder: Path) -> None:
        source = self._source()
        for name, md5 in source.resources:  # each is compressed by itself, and is not unpacked
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
                raise self._missing(f"the {name} files are missing")
            x, y = read_idx(images), read_idx(labels)
            if x.ndim != 3 or y.ndim != 1 or len(x) != len(y):
                raise DataError(
                    f"{images} has shape {list(x.shape)} and {labels} {list(y.shape)};",
                    "images have the shape (N, H, W), labels (N,), one label for each image;",
                    "delete them and download them again.",
                )
            self.sources[name] = str(images)
            splits[name] = TensorSplit(x[:, None], y.long())  # one channel: (N, 1, H, W)
        self.class_names = list(self._source().classes)
        return splits


def _move_files(source: Path, target: Path) -> None:
    """Move complete files to where they are read: an interrupted download never reaches that folder."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            place = target / path.relative_to(source)
            # Within one file system, so each move is atomic: a reader sees no file or a whole one.
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
    shutil.rmtree(source)
