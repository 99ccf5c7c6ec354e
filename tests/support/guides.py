"""Runs the commands of a guide in their order."""

from __future__ import annotations

import contextlib
import random
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netyard.cli import main
from netyard.config import constraints
from support.command_result import Ran
from support.documented_commands import ROOT, runs_here


def run_guide(
    name: str,
    train: Callable[..., Ran],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rng: random.Random | None = None,
) -> None:
    """Its files are written, its commands run in their order, for an epoch or less, and its mistakes are answered.

    Args:
        rng: draws a third of the guide's runs, of which the commands are run; None for all.
    """
    write_files_of_a_user(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # --allow-target adds the folder of the user
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    left_out = _others(page, rng) if rng else set()
    with without_leftovers(tmp_path):
        for kind, text in re.findall(r"```(\w*)\n(.*?)```", page, re.DOTALL):
            if kind in ("python", "yaml"):
                path = tmp_path / text.splitlines()[0].removeprefix("# ")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            for line in text.splitlines() if kind == "bash" else ():
                if _run_of(line) in left_out:
                    continue
                if line.startswith("pip install -e "):
                    install_editable(Path(line.split()[-1]), monkeypatch)
                    continue
                code, said = follow(train, line, capsys)
                assert code == 0, f"{line}\n{said}"
            if kind == "console":
                line, answer = text.removeprefix("$ ").splitlines()
                code, said = follow(train, line, capsys)
                assert code != 0 and said.splitlines()[-1] == answer


def _run_of(line: str) -> str:
    """The run directory that a command makes or reads; of one without any, the command itself."""
    named = re.search(r"\boutputs/\w+", line)
    return named[0] if named else line


def _others(page: str, rng: random.Random) -> set[str]:
    """The runs that are not drawn. The first one always runs, for some commands need any run in outputs/."""
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    lines = [line for text in blocks for line in text.splitlines() if line.startswith(("python train.py", "netyard "))]
    runs = [*dict.fromkeys(map(_run_of, lines))]
    return {*runs[1:]} - {*rng.sample(runs[1:], len(runs) // 3)}


@contextlib.contextmanager
def without_leftovers(folder: Path) -> Iterator[None]:
    """Afterwards no module of a file in the folder is left for the next guide."""
    try:
        yield
    finally:
        for name, module in [*sys.modules.items()]:
            if str(getattr(module, "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def follow(train: Callable[..., Ran], line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Type a line of a guide; what a command returned, and its complaints."""
    program, *words = shlex.split(line)
    if program == "make":
        assert re.search(rf"^{words[0]}:.*  ## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return 0, ""
    if program == "netyard":
        return main.main(words), capsys.readouterr().err
    if words[:2] == ["-m", "netyard.config.constraints"]:
        return constraints.main(words[2:]), capsys.readouterr().err
    if len(words) == 1 and Path(words[0]).is_file():  # a file of the guide
        runpy.run_path(words[0], run_name="__main__")
        return 0, ""
    assert (program, words[0]) == ("python", "train.py")
    overrides = [fewer(text) for text in words[1:]] if "debug=" not in line else words[1:]
    if "--help" not in overrides and not runs_here(line):
        return 0, ""
    if "-m" in overrides:
        overrides = [*overrides, "launcher=basic", "debug=smoke"]
    elif not any(text.startswith(("resume=", "debug=", "trainer.max_epochs=")) for text in overrides):
        overrides += ["trainer.max_epochs=1" if "hydra.run.dir=" in line else "debug=smoke"]
    if "data=gym" in words:
        overrides += ["data.val_episodes=1", "data.test_episodes=1"]
    if re.search(r"model=\w*(vae|gan)\b", line):
        overrides.append("callbacks.scores.num_test_samples=64")  # instead of ten thousand
    if "=" in line and "hydra.run.dir=" not in line and "resume=" not in line and "-m" not in overrides:
        overrides.append(f"hydra.run.dir=runs/{len(list(Path.cwd().glob('runs/*')))}")
    ran = train(*overrides)
    return ran.code, ran.err


def fewer(override: str) -> str:
    """One epoch in place of many, two values of a sweep, two weeks of a series: exports take long for each step."""
    override = re.sub(r"^(trainer.max_epochs)=[1-9]\d+$", r"\1=1", override)
    override = re.sub(r"^(data.window)=[1-9]\d+$", r"\1=14", override)
    return re.sub(r"^([\w.]+=\w+,\w+)(,\w+)+$", r"\1", override)


def install_editable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip leaves behind: the source is on the path, with the metadata of the package."""
    about = project / "src" / f"{project.name}-0.1.0.dist-info"
    about.mkdir()
    name = project.name
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[netyard]\n{name} = {name}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str((project / "src").absolute()))


def write_files_of_a_user(place: Path) -> None:
    draw = np.random.default_rng(0)
    for label, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        for folder, count in (("photos", 15), ("new_photos", 4)):
            (place / folder / label).mkdir(parents=True)
            for number in range(count):
                pixels = (draw.integers(-20, 20, (40, 48, 3)) + colour).astype(np.uint8)
                Image.fromarray(pixels).save(place / folder / label / f"{number}.png")
    cities = ["Rome", "Oslo", "Bonn"]
    houses = (f"{a:.1f},{cities[number % 3]},{50 + 2 * a:.3f}" for number, a in enumerate(draw.uniform(0, 90, 90)))
    new = (f"{a:.1f},{50 + 2 * a:.3f},Oslo" for a in draw.uniform(0, 90, 40))
    opinions = (f"{'no ' * (i % 3)}{'fine' if i % 2 else 'poor'} food,{'good' if i % 2 else 'bad'}" for i in range(80))
    files = [f"{label}/{number}.png" for label in ("red", "blue") for number in range(15)]
    films = (
        f"{number % 7},{number % 11},{'|'.join(['war', 'love', 'crime'][: 1 + number % 3])}" for number in range(60)
    )
    meals = (f"{number % 5},{number % 8},{number % 2},{int(number % 3 == 0)}" for number in range(60))
    sales = (f"{month},{month % 12 + month / 100}" for month in range(240))
    for name, head, rows in (
        ("houses", "age,city,price", houses),
        ("new_houses", "age,price,city", new),
        ("opinions", "text,label", opinions),
        ("films", "length,year,genres", films),
        ("meals", "price,size,vegan,spicy", meals),
        ("tags", "file,tags", (f"{file},{file[:3]}|{'even' if i % 2 else 'odd'}" for i, file in enumerate(files))),
        ("kinds", "file,kind", (f"{file},{file[:3]}" for file in files)),
        ("angles", "file,angle", (f"{file},{1.5 * i}" for i, file in enumerate(files))),
        ("places", "file,x,y", (f"{file},{1.5 * i},{i % 4}.5" for i, file in enumerate(files))),
        ("sales", "month,sold", sales),
        ("people", "age,height,city", (f"{20 + i % 50},{150 + i % 40}.5,{cities[i % 3]}" for i in range(90))),
    ):
        (place / f"{name}.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    words = draw.choice(["the ", "cat ", "sat ", "on ", "mat.\n"], 15000)
    (place / "book.txt").write_text("".join(words), encoding="utf-8")
