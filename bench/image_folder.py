"""Images a second from a folder of photographs, with and without a cache: netyard's loader, timm's, and a plain one.

    python bench/image_folder.py [--pictures 160] [--rounds 3] [--workers 0 2] [--size 224]

The folder holds JPEGs of 500 x 375 pixels cut from the two photographs that scikit-learn carries. All train
`mobilenet_v3_small` on random crops of 8 to 100 % of the area, mirrored by chance, no colour jitter, in batches of 32
on one thread. timm's arrangement is its `train.py`: `ImageDataset`, `create_loader` and its prefetcher, on the CPU. The
plain one is torchvision's `ImageFolder` with `RandomResizedCrop` behind a `DataLoader`. An epoch of each follows one of
the others; printed are medians of the images a second, first of the loaders alone, then with the step, and the median
ratios within a round. `netyard, cache` is netyard with `data.cache`, which was made before; what that took is below.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.datasets
import timm
import torch
from PIL import Image
from timm.data import ImageDataset, create_loader
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, Normalize, RandomHorizontalFlip, RandomResizedCrop, ToTensor

from netyard.config.compose import compose
from netyard.config.instantiate import build

WIDTH, HEIGHT, BATCH = 500, 375, 32
RATIOS = [
    ("netyard", "timm"),
    ("netyard", "ImageFolder"),
    ("netyard, cache", "netyard"),
    ("netyard, cache", "ImageFolder"),
]
Epoch = Callable[[], Iterator[tuple[Tensor, Tensor]]]


def draw(folder: Path, number: int) -> None:
    """So many JPEGs, half of a class each: pieces of two photographs, enlarged a little and each of its own."""
    rng = np.random.default_rng(0)
    for label, photo in enumerate(sklearn.datasets.load_sample_images().images):
        (folder / "train" / str(label)).mkdir(parents=True)
        whole = Image.fromarray(photo)
        for place in range(number // 2):
            width = rng.uniform(0.5, 0.95) * whole.width
            height = min(width * HEIGHT / WIDTH, whole.height)
            left, upper = rng.uniform(0, whole.width - width), rng.uniform(0, whole.height - height)
            piece = whole.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, (left, upper, left + width, upper + height))
            piece.save(folder / "train" / str(label) / f"{place:04}.jpg", quality=90)


def data_of(folder: Path, size: int, workers: int, cache: Path | None) -> Any:
    overrides = ["model=mobilenet_v3_small", "data=image_folder", f"data.root={folder}", f"data.image_size={size}"]
    overrides += [f"data.num_workers={workers}", f"data.batch_size={BATCH}", "data.val_fraction=0.01"]
    cfg, _ = compose([*overrides, "data.test_fraction=0.01", f"data.cache={cache or 'null'}"])
    cfg.data.num_classes = 2
    data = build(cfg.data)
    data.setup("fit")
    return data


def of_netyard(folder: Path, size: int, workers: int, cache: Path | None = None) -> Epoch:
    data = data_of(folder, size, workers, cache)
    loader = data.train_dataloader()

    def epoch() -> Iterator[tuple[Tensor, Tensor]]:
        for x, y, key in loader:
            yield data.prepare(x, y, key)

    return epoch


def of_timm(folder: Path, size: int, workers: int) -> Epoch:
    loader = create_loader(
        ImageDataset(str(folder / "train")),
        input_size=(3, size, size),
        batch_size=BATCH,
        is_training=True,
        color_jitter=0.0,
        num_workers=workers,
        device=torch.device("cpu"),
        persistent_workers=workers > 0,
    )
    return lambda: iter(loader)


def of_torchvision(folder: Path, size: int, workers: int) -> Epoch:
    normalize = Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    crop = Compose([RandomResizedCrop(size), RandomHorizontalFlip(), ToTensor(), normalize])
    pictures = ImageFolder(str(folder / "train"), crop)
    loader = DataLoader(
        pictures, BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    return lambda: iter(loader)


def images_a_second(epoch: Epoch, step: Callable[[Tensor, Tensor], None] | None) -> float:
    """Of one epoch, the start of it included."""
    began, seen = time.perf_counter(), 0
    for x, y in epoch():
        if step is not None:
            step(x, y)
        seen += len(y)
    return seen / (time.perf_counter() - began)


def training(size: int) -> Callable[[Tensor, Tensor], None]:
    """A step, done once already: the first is slower."""
    net = timm.create_model("mobilenetv3_small_100", num_classes=2)
    optimizer = torch.optim.Adam(net.parameters())

    def step(x: Tensor, y: Tensor) -> None:
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()

    step(torch.zeros(BATCH, 3, size, size), torch.zeros(BATCH, dtype=torch.int64))
    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "photos"), Path(name, "cache")
        draw(folder, options.pictures)
        began = time.perf_counter()
        data_of(folder, options.size, max(options.workers), cache)
        made = time.perf_counter() - began
        ways = {
            "netyard": of_netyard,
            "netyard, cache": partial(of_netyard, cache=cache),
            "timm": of_timm,
            "ImageFolder": of_torchvision,
        }
        heads = ["workers", "what", *(f"{way}, images/s" for way in ways), *(" to ".join(pair) for pair in RATIOS)]
        print(f"| {' | '.join(heads)} |\n| ---: | --- |{' ---: |' * (len(heads) - 2)}")
        for workers in options.workers:
            epochs = {way: make(folder, options.size, workers) for way, make in ways.items()}
            for what, step in (("loader alone", None), ("training", training(options.size))):
                rounds = [
                    {way: images_a_second(epoch, step) for way, epoch in epochs.items()} for _ in range(options.rounds)
                ]
                rates = [f"{statistics.median(each[way] for each in rounds):.0f}" for way in ways]
                ratios = [
                    f"{statistics.median(each[one] / each[other] for each in rounds):.2f}" for one, other in RATIOS
                ]
                print(f"| {' | '.join([str(workers), what, *rates, *ratios])} |", flush=True)
        (file,) = cache.glob("*.pictures")
        size = file.stat().st_size / 1e6
        print(f"\nthe cache: {size:.1f} MB, made in {made:.1f} s with {max(options.workers)} worker(s)")


if __name__ == "__main__":
    main()
