"""`python train.py` killed with SIGKILL at random instants and resumed each time, beside the run that is left alone.

    PYTHONPATH=tests python tests/campaign/kill_and_resume.py --kills 10 model=resnet18 trainer.max_epochs=24

Both are real command lines. The instants are drawn over the start and twice a fair share of the work, so that the kills
end about where the run does; one that comes before anything was saved kills a run at its beginning. Printed are each
instant with the step of the newest state that it left, and where the two runs differ in the end: the states, best and
last, to the bit, the rows of ``metrics.csv``, the results and the curves.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from support.run_comparison import all_of, differences

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, words: list[str], kill_after: float | None = None) -> tuple[int, float]:
    """Start a run, or go on with the one that is there; its exit code and seconds."""
    recorded = (folder / ".hydra" / "overrides.yaml").is_file()
    what = [f"resume={folder}"] if recorded else [*words, f"hydra.run.dir={folder}"]
    began = time.monotonic()
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, str(ROOT / "train.py"), *what], stdout=log, stderr=log, cwd=ROOT)
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait(), time.monotonic() - began


def step(folder: Path) -> int:
    return max((each.step for each in manifest.read_all(RunDir(folder).checkpoints)), default=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the instants")
    parser.add_argument("--place", type=Path, help="a folder for both runs; else one that is removed")
    arguments, words = parser.parse_known_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        place = arguments.place or Path(scratch)
        place.mkdir(exist_ok=True)
        alone, killed = place / "alone", place / "killed"
        code, seconds = run(alone, words)
        assert code == 0, (place / "alone.log").read_text()
        work = RunDir(alone).results()["seconds"]["fit"]
        print(f"seed {arguments.seed}: alone {step(alone)} steps in {seconds:.0f} s, {work:.0f} s of them training")
        for number in range(1, arguments.kills + 1):
            instant = random.uniform(0, seconds - work + 2 * work / (arguments.kills + 1))
            code, _ = run(killed, words, instant)
            if code != -9:
                print(f"it ended with code {code} before kill {number}; more epochs are needed")
                return 1
            print(f"kill {number:2} {instant:6.2f} s after its start, with the state of step {step(killed)} whole")
        code, _ = run(killed, words)
        found = differences(all_of(alone), all_of(killed)) if code == 0 else [(place / "killed.log").read_text()]
        print(f"resumed, it ended with code {code} at step {step(killed)}")
        print(*found[:20] or [f"equal to the run left alone, killed {arguments.kills} times"], sep="\n")
        return bool(found)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    sys.exit(main())
