"""CPU seconds an epoch on Fashion-MNIST: netyard beside a bare tensor loop, a DataLoader loop and the usual template.

    python bench/epochs.py [--rounds 5] [--curve] [overrides]        for instance model=cnn trainer.precision=bf16-mixed

A whole epoch is counted: training, validation, and of netyard and the template logging, checkpoint and progress bar as
they are by default. Between two epochs of netyard every other one trains an epoch of the same network, in the same
process, on the same single thread; printed are medians, and medians of the ratios in a round. The slow ones train in
every fifth round alone. ``--curve`` trains networks of several sizes on made-up pictures, sets of several sizes, beside
the tensor loop alone. Where Fashion-MNIST is not on the machine, made-up pictures of its shape take its place.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import lightning as L

sys.path.insert(0, str(Path(__file__).parent))

from rivals import Rival, Samples
from rivals.loader_loop import LoaderLoop
from rivals.template import Template
from rivals.tensor_loop import TensorLoop

from netyard.cli.main import train

RUN = ["threads=1", "trainer=cpu", "callbacks.figures=null"]
MLP = ["model=mlp", "model.hidden_sizes=[64,128,64]", "model.batch_norm=true"]  # the template's
CNN = ["model=cnn", "model.channels=[16,32]"]
SLOW = ("DataLoader loop", "template")
SLOW_EVERY = 5  # rounds, from the first that counts


def pictures() -> list[str]:
    """Fashion-MNIST where Debian's package or netyard's own download put it, else made-up pictures of its shape."""
    places = [Path("/usr/share/datasets/fashion-mnist"), Path(os.environ.get("NETYARD_DATA", "~/.cache/netyard"))]
    for place in places:
        if any(place.expanduser().glob("**/t10k-labels-idx1-ubyte*")):
            return ["data=fashion_mnist", f"data.root={place.expanduser()}"]
    return ["data=fake", "data.image_size=28", "data.channels=1", "data.size=75000", "data.batch_size=128"]


class Beside(L.Callback):
    """Has the others train between two epochs of a run; the first round warms up."""

    latest: ClassVar[Beside]

    def __init__(self, alone: bool = False) -> None:
        Beside.latest = self
        self.alone = alone
        self.rivals: dict[str, Rival] = {}
        self.seconds: dict[str, dict[int, float]] = {"netyard": {}}  # of an epoch, by the round; 0 warms up
        self.began: float | None = None
        self.num_samples = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        data: Any = trainer.datamodule
        train, val = data.split("train"), data.split("val")
        samples = Samples(train.x, train.y, val.x, val.y, *data.pixel_statistics(), data.batch_size)
        self.num_samples = len(train.x) // data.batch_size * data.batch_size
        self.rivals = {"bare tensor loop": TensorLoop(copy.deepcopy(pl_module.net), samples)}
        if not self.alone:
            self.rivals["DataLoader loop"] = LoaderLoop(copy.deepcopy(pl_module.net), samples)
            self.rivals["template"] = Template(copy.deepcopy(pl_module.net), samples, pl_module.num_outputs)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._note()
        number = len(self.seconds["netyard"])
        for name, rival in self.rivals.items():
            if name not in SLOW or number % SLOW_EVERY == 1:
                self.seconds.setdefault(name, {})[number] = rival.epoch()
        self.began = time.process_time()

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        self._note()

    def _note(self) -> None:
        if self.began is not None:
            ours = self.seconds["netyard"]
            ours[len(ours)] = time.process_time() - self.began

    def ratios(self, name: str) -> list[float]:
        """The time of another one, netyard = 1, in each round that counts."""
        ours = self.seconds["netyard"]
        return [each / ours[number] for number, each in self.seconds[name].items() if number]


def compare(*overrides: str, rounds: int, alone: bool = False) -> Beside:
    """Run netyard with the others beside it; their seconds an epoch, round by round.

    Raises:
        SystemExit: the run failed.
    """
    name = f"{Path(__file__).stem}.Beside"
    beside = [f"--allow-target={name}", f"+callbacks.beside._target_={name}", f"+callbacks.beside.alone={alone}"]
    os.environ |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}  # the bar is drawn, into said
    said = io.StringIO()
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
        code = train([*RUN, *overrides, f"trainer.max_epochs={rounds + 1}", *beside, f"hydra.run.dir={folder}/run"])
    if code != 0:
        print(said.getvalue())
        raise SystemExit(code)
    import epochs  # where the run found it, not in __main__

    return epochs.Beside.latest


def table(beside: Beside) -> list[str]:
    """Rows: seconds, samples a second, and netyard's share of each one's speed."""
    rows = ["| | CPU s per epoch | samples/s | time relative to netyard |", "| --- | ---: | ---: | ---: |"]
    for name, seconds in beside.seconds.items():
        middle = statistics.median(each for number, each in seconds.items() if number)
        ratio = statistics.median(beside.ratios(name))
        rows.append(f"| {name} | {middle:.2f} | {beside.num_samples / middle:,.0f} | {ratio:.2f} |")
    return rows


def curve(rounds: int) -> None:
    """By size of the set and of the network: netyard's speed as a share of the bare loop's."""
    sizes = {"2,000": "2000", "10,000": "10000", "60,000": "60000"}
    nets = {
        "mlp 16": ["model=mlp_tiny"],
        "mlp 64 128 64, batch norm": MLP,
        "mlp 512 512": ["model=mlp", "model.hidden_sizes=[512,512]"],
        "cnn 8 16": ["model=cnn_tiny"],
    }
    print(
        f"| time of the bare loop relative to netyard | {' | '.join(sizes)} |",
        "| --- |" + " ---: |" * len(sizes),
        sep="\n",
    )
    for name, net in nets.items():
        cells = []
        for size in sizes.values():
            made_up = ["data=fake", "data.image_size=28", "data.channels=1", f"data.size={size}"]
            found = compare(*made_up, *net, "data.batch_size=128", rounds=rounds, alone=True)
            cells.append(f"{statistics.median(found.ratios('bare tensor loop')):.2f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, help="epochs of each that count, after one to warm up: 9 of the MLP, 3 of the CNN, else 5"
    )
    parser.add_argument("--alone", action="store_true", help="beside the bare loop alone")
    parser.add_argument("--curve", action="store_true", help="by size of set and network, beside the bare loop alone")
    options, overrides = parser.parse_known_args()
    if options.curve:
        curve(options.rounds or 5)
        return
    for net, rounds in [([], 5)] if any(text.startswith("model=") for text in overrides) else [(MLP, 9), (CNN, 3)]:
        print(" ".join([*net, *overrides]))
        found = compare(*pictures(), *net, *overrides, rounds=options.rounds or rounds, alone=options.alone)
        print(*table(found), sep="\n", flush=True)


if __name__ == "__main__":
    main()
