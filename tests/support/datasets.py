"""Data modules from their yaml, and small data sets on disk in the formats that users have."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from netyard.config import by_task
from netyard.data.core.module import DataModule

CONF = Path(__file__).parents[2] / "conf"


def build(name: str, augmentation: str = "auto", **changes: Any) -> DataModule:
    """Build ``data=<name> augmentation=<augmentation>`` without composing a whole run config."""
    from hydra.utils import instantiate

    by_task.register()

    data = OmegaConf.load(CONF / "data" / f"{name}.yaml")
    for key in ("defaults", "epochs"):  # what composing takes out
        data.pop(key, None)
    data.update(changes)
    augment = OmegaConf.load(CONF / "augmentation" / f"{augmentation}.yaml")
    return instantiate(OmegaConf.create({"seed": 0, "data": data, "augmentation": augment}).data, _convert_="all")


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_mnist(folder: Path, suffix: str = "", train: int = 60, test: int = 20, num_classes: int = 10) -> None:
    generator = np.random.default_rng(0)
    for stem, size in (("train", train), ("t10k", test)):
        write_idx(folder / f"{stem}-images-idx3-ubyte{suffix}", generator.integers(0, 256, (size, 28, 28)))
        write_idx(folder / f"{stem}-labels-idx1-ubyte{suffix}", np.arange(size) % num_classes)


def write_cifar(root: Path, num_classes: int) -> None:
    """Write the pickle files of CIFAR-10 or CIFAR-100, with ten images in each file."""
    hundred = num_classes == 100
    folder = root / ("cifar-100-python" if hundred else "cifar-10-batches-py")
    folder.mkdir(parents=True)
    names = ["train", "test"] if hundred else [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    generator = np.random.default_rng(0)
    for name in names:
        pictures = generator.integers(0, 256, (10, 3072)).astype(np.uint8)
        labels = (np.arange(10) % num_classes).tolist()
        entry = {"data": pictures, "fine_labels" if hundred else "labels": labels}
        (folder / name).write_bytes(pickle.dumps(entry))
    key, meta = ("fine_label_names", "meta") if hundred else ("label_names", "batches.meta")
    (folder / meta).write_bytes(pickle.dumps({key: [f"class {i}" for i in range(num_classes)]}))


def learned(data: Any) -> dict[str, Any]:
    """Return the statistics fitted on the training split, without the fingerprint of the data."""
    return {name: each for name, each in data.state_dict().items() if not name.startswith("fingerprint")}
