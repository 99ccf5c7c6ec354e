"""Peak memory of a training process on Fashion-MNIST, in MB resident: netyard beside the usual template and a loop.

    python bench/memory.py [overrides]        for instance model=cnn

Each trains two epochs of the template's network in a process of its own, from start to end. All read the pictures with
netyard's reader, which keeps them as bytes; the arrangements differ in what they make of them and in what they import.
"""

from __future__ import annotations

import contextlib
import io
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from epochs import MLP, pictures

KINDS = ("netyard", "template", "bare tensor loop")


def alone(kind: str, overrides: list[str]) -> float:
    """Train here, and say how much memory the process had at most, in MB."""
    said = io.StringIO()
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
        if kind == "netyard":
            from netyard.cli.main import train

            company = ["trainer=cpu", "trainer.max_epochs=2", "threads=1", f"hydra.run.dir={folder}/run"]
            if code := train([*overrides, *company]):
                raise SystemExit(code)
        else:
            _other(kind, overrides)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _other(kind: str, overrides: list[str]) -> None:
    import torch
    from rivals import Samples
    from rivals.template import Template
    from rivals.tensor_loop import TensorLoop

    from netyard.config import schema
    from netyard.config.compose import compose
    from netyard.config.instantiate import build

    torch.set_num_threads(1)
    cfg, choices = compose(overrides)
    config = schema.resolve(cfg, choices)
    data, net = build(config["data"]), build(config["model"])
    train, val = data.split("train"), data.split("val")
    samples = Samples(train.x, train.y, val.x, val.y, *data.pixel_statistics(), data.batch_size)
    if kind == "template":
        Template(net, samples, data.num_classes).epoch()  # a fit of two
    else:
        loop = TensorLoop(net, samples)
        loop.epoch()
        loop.epoch()


def main() -> None:
    if sys.argv[1:2] == ["--alone"]:
        print(alone(sys.argv[2], sys.argv[3:]))
        return
    overrides = [*pictures(), *(sys.argv[1:] or MLP)]
    print("| | peak MB | template = 1 |", "| --- | ---: | ---: |", sep="\n")
    peaks = {}
    for kind in KINDS:
        command = [sys.executable, __file__, "--alone", kind, *overrides]
        peaks[kind] = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
    for kind, peak in peaks.items():
        print(f"| {kind} | {peak:,.0f} | {peak / peaks['template']:.2f} |")


if __name__ == "__main__":
    main()
