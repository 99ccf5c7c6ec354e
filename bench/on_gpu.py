"""On a GPU: images a second of ResNet-50 beside a bare loop, and the seconds to 94 % on Fashion-MNIST.

    python bench/on_gpu.py [--images 20000] [overrides]

ResNet-50 trains on made-up pictures of 224 x 224 that lie on the GPU, in bfloat16, channels last, compiled
(``trainer.performance=max``); the loop does the same with the same network. Said are also the share of the card's
bfloat16 peak, and what NVIDIA publishes for the card, where both are known. Where there is no GPU this says so, and
measures nothing.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import lightning as L
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))

from epochs import pictures

from netyard.cli.main import train

RESNET = ["model=resnet50", "data=fake", "data.image_size=224", "data.num_classes=1000", "data.batch_size=256"]
FASHION = [
    "model=resnet18",
    "augmentation=standard",
    "scheduler=one_cycle",
    "optimizer=nesterov",
    "data.batch_size=512",
]
GOAL = 0.94

FLOP = 3 * 2 * 4.09e9
"""Of ResNet-50's training on one picture of 224: forward, and twice that backward, two for each multiply-add."""

PEAKS = {
    "A100": 312e12,
    "H100 80GB HBM3": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H200": 989e12,
    "A10": 125e12,
    "L4": 121e12,
    "L40": 181e12,
    "L40S": 362e12,
    "B200": 2250e12,
}
"""Dense bfloat16, FLOP a second, as the data sheets have them, by a part of the name that torch gives a card."""

PUBLISHED = {"A100": 2470, "V100": 1200}
"""ResNet-50's images a second in training, mixed precision, of one card: NVIDIA's DeepLearningExamples, its README of
ResNet-50 v1.5 for PyTorch, container 21.03; on ImageNet, so that its reading is in it."""


class Times(L.Callback):
    """Of each epoch the seconds and, when training ends, of a bare loop's; and when validation reached the goal."""

    latest: ClassVar[Times]

    def __init__(self, beside: bool = False) -> None:
        Times.latest, self.beside = self, beside
        self.ours, self.bare, self.reached = 0.0, 0.0, None

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self.net = copy.deepcopy(pl_module.net) if self.beside else None
        self.started = time.perf_counter()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        torch.cuda.synchronize()
        self.began = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        torch.cuda.synchronize()
        batches = trainer.num_training_batches
        self.ours = trainer.datamodule.batch_size * batches / (time.perf_counter() - self.began)
        accuracy = float(trainer.callback_metrics.get("val/accuracy", 0.0))
        if self.reached is None and accuracy >= GOAL:
            self.reached = time.perf_counter() - self.started

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        if self.net is not None:
            self.bare = self._bare(trainer.datamodule)

    def _bare(self, data: Any) -> float:
        """Images a second of the same network in the barest loop, after an epoch that compiles."""
        part = data.split("train")
        mean, std = (255 * each.cuda() for each in data.pixel_statistics())
        net = self.net.to("cuda", memory_format=torch.channels_last)
        net.compile()
        optimizer = torch.optim.Adam(net.parameters(), fused=True)
        for _ in range(2):
            torch.cuda.synchronize()
            began = time.perf_counter()
            order = torch.randperm(len(part.x), device=part.x.device)
            chunks = order[: len(order) // data.batch_size * data.batch_size].split(data.batch_size)
            for index in chunks:
                x = part.x[index].cuda().float().sub_(mean).div_(std)
                with torch.autocast("cuda", torch.bfloat16):
                    loss = F.cross_entropy(net(x.contiguous(memory_format=torch.channels_last)), part.y[index].cuda())
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            torch.cuda.synchronize()
            seconds = time.perf_counter() - began
        return len(chunks) * data.batch_size / seconds


def measure(overrides: list[str], beside: bool) -> tuple[Times, dict[str, Any]]:
    """Run netyard on the GPU at full speed; its times, and its results."""
    times = [
        "--allow-target=on_gpu.Times",
        "+callbacks.times._target_=on_gpu.Times",
        f"+callbacks.times.beside={beside}",
    ]
    with TemporaryDirectory() as folder:
        code = train([*overrides, "trainer=gpu", "trainer.performance=max", *times, f"hydra.run.dir={folder}/run"])
        if code:
            raise SystemExit(code)
        results = json.loads((Path(folder) / "run" / "results.json").read_text(encoding="utf-8"))
    import on_gpu  # where the run found it, not in __main__

    return on_gpu.Times.latest, results


def standing(images: float, card: str) -> str:
    """How many images a second compare with what a card can do, and with what is published for it."""
    peak, published = (_of(card, table) for table in (PEAKS, PUBLISHED))
    of_peak = f"{images * FLOP / peak:.0%} of its bfloat16 peak" if peak else "a card whose peak is not known here"
    of_published = f"{images / published:.2f} times the {published:,.0f} published" if published else "none published"
    return f"{card}: {of_peak}; {of_published}"


def _of(card: str, table: dict[str, float]) -> float | None:
    """A100 is not A10: the longest part of a name counts."""
    return table.get(max((part for part in table if part in card), key=len, default=""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20000, help="made-up pictures of 224 x 224")
    options, overrides = parser.parse_known_args()
    if not torch.cuda.is_available():
        print("no GPU here: nothing was measured. On a machine with one the same command prints the tables.")
        return
    speed, _ = measure([*RESNET, f"data.size={options.images}", "trainer.max_epochs=3", *overrides], beside=True)
    ratio = speed.ours / speed.bare
    print(f"ResNet-50: netyard {speed.ours:,.0f} images/s, bare loop {speed.bare:,.0f}: ratio {ratio:.3f}")
    print(standing(speed.ours, torch.cuda.get_device_name()))
    goal, results = measure(
        [*FASHION, *pictures(), "data.batch_size=512", "trainer.max_epochs=15", *overrides], beside=False
    )
    best = results["objective"]["value"]
    when = "not reached" if goal.reached is None else f"after {goal.reached:.1f} s"
    print(f"Fashion-MNIST: {GOAL:.0%} in validation {when}; the best epoch has {best:.2%}")


if __name__ == "__main__":
    main()
