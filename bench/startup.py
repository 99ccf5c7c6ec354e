"""CPU seconds from a command to its answer: `import lightning` alone, and netyard's commands, a whole process each.

    python bench/startup.py [--rounds 5]

Every round starts each of them once, in turn; printed is the median of what a process took, user and system time
together, in seconds and beside that of `import lightning`. `train.py` ends as its first training step begins.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = "`import lightning`"
LINE = "python train.py model=res"


def ways() -> dict[str, list[str]]:
    """What is compared, by its name in the table: the words behind `python`."""
    first_step = ["--allow-target", "startup.first_step", "+callbacks.first_step={_target_: startup.first_step}"]
    train, netyard = str(ROOT / "train.py"), ["-m", "netyard"]
    return {
        REFERENCE: ["-c", "import lightning"],
        "`import torch`": ["-c", "import torch"],
        "`python train.py`, until its first step": [train, *first_step],
        "`python train.py --help`": [train, "--help"],
        "`netyard list`": [*netyard, "list"],
        "Tab completion of `model=res`": [*netyard, "completion", "query", LINE],
    }


def first_step() -> Any:
    """A callback that ends the process as the first training step begins."""
    import lightning as L  # not for the process that measures

    class FirstStep(L.Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            os._exit(0)

    return FirstStep()


def cpu_seconds(words: list[str], folder: str) -> float:
    """Of a whole process, its children included; a run goes to the folder."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "bench")])
    environment = {**os.environ, "PYTHONPATH": path, "NETYARD_OUTPUTS": folder}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands = ways()
        for words in commands.values():  # files are read, and compiled where they had not been
            cpu_seconds(words, folder)
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, words in commands.items():
                taken[name].append(cpu_seconds(words, folder))
    reference = statistics.median(taken[REFERENCE])
    print(f"| process | CPU s | {REFERENCE} = 1 |\n| --- | ---: | ---: |")
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"| {name} | {median:.2f} | {median / reference:.2f} |")


if __name__ == "__main__":
    main()
