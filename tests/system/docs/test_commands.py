"""Every command in the README, the docs and the configuration composes; those of the README and the guides run."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netyard import catalog, cli
from netyard.exports import request

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "conf").rglob("*.yaml")),
]
TRAIN = re.compile(
    r"(?:python|torchrun [^\n`]*?) ?train\.py((?: +(?:-\w+|'[^'\n]+'|[\w.+~@/]+=(?:\[[^\]]*\]|[^\s`;#)]+)))+)"
)
REFUSED = re.compile(r"```console\n\$ [^\n]*\nerror: .*?```", re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Every ``python train.py ...`` with where it stands, but for those that a page shows to be mistakes."""
    return [
        (page.name, found.group(1).strip())
        for page in PAGES
        for found in TRAIN.finditer(REFUSED.sub("", page.read_text(encoding="utf-8")))
    ]


def runs_here(words: str) -> bool:
    """Whether a command asks for no file of the user's and no download."""
    chosen = re.search(r"\bdata=(\w+)", words)
    downloaded = chosen and "root" in catalog.option_file("data", chosen[1]) and "data.root=" not in words
    return not downloaded and not re.search(r"=(FILE|DIR|RUN_DIR|SWEEP_DIR)\b|pretrained=true", words)


@pytest.mark.parametrize("words", [words for page, words in commands() if page == "README.md" and runs_here(words)])
def test_a_readme_command_runs(train, words: str, tmp_path: Path) -> None:
    """As written, for a batch or two."""
    where = f"hydra.sweep.dir={tmp_path / 'sweep'}" if "-m" in words else f"hydra.run.dir={tmp_path / 'run'}"
    ran = train(*shlex.split(words), "debug=smoke", "data.batch_size=4", "data.eval_batch_size=4", where)
    assert ran.code == 0, ran.err


ABOUT = {"prompt=": "text", "count=": "drawn", "importance_samples=": "drawn", "episodes=": "acted"}
"""Which run a command is about, by a word of it; of the others it is a classification."""
TYPED = re.compile(r"(?:^(?:\$ )?|`)netyard ((?:runs|doctor|\w+ )[^#`\n]*)", re.MULTILINE)
GUIDES = ("first_run", "own_data", "own_model", "resuming")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs of a batch or two, each trained when it is first wanted."""
    place = tmp_path_factory.mktemp("outputs")
    chosen = {
        "digits": ["model=mlp_tiny"],
        "text": ["model=lstm_tiny", "data=python_source", "data.max_characters=20000", "data.batch_size=4"],
        "drawn": ["model=vae_tiny", "callbacks.scores=null"],
        "acted": ["model=dqn"],
    }

    def run(name: str) -> Path:
        if not (place / name).exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "argv", ["train.py"])
                assert cli.train([*chosen[name], "debug=smoke", f"hydra.run.dir={place / name}"]) == 0
        return place / name

    return run


def typed() -> list[str]:
    pages = [page for page in PAGES if page.suffix == ".md" and page.stem not in GUIDES and page.stem != "log"]
    return [found.strip() for page in pages for found in TYPED.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("words", typed())
def test_a_netyard_command_runs(outputs, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export is only read, as a user's words are: tests of its own write them all."""
    path = outputs(next((name for word, name in ABOUT.items() if word in words), "digits"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETYARD_OUTPUTS", str(path.parent))
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # as a rerun leaves it
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "PATH.png")
    arguments = re.sub(r"\b(?:RUN_DIR|outputs/\S+|DIR)", str(path), words).replace("=PATH", "=PATH.png")
    if words.startswith("export "):
        request.parse(shlex.split(arguments)[1:])
    else:
        assert cli.main(shlex.split(arguments)) == 0


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_runs_from_top_to_bottom(train, name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    """Its files are written, its commands run in their order, for an epoch or less, and its mistakes are answered."""
    write_files_of_a_user(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for kind, text in re.findall(r"```(\w*)\n(.*?)```", page, re.DOTALL):
        if kind in ("python", "yaml"):
            path = tmp_path / text.splitlines()[0].removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for line in text.splitlines() if kind == "bash" else ():
            code, said = follow(train, line, capsys)
            assert code == 0, f"{line}\n{said}"
        if kind == "console":
            line, answer = text.removeprefix("$ ").splitlines()
            code, said = follow(train, line, capsys)
            assert code != 0 and said.splitlines()[-1] == answer


def follow(train, line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Type a line of a guide; what a command returned, and its complaints."""
    program, *words = shlex.split(line)
    if program == "make":
        assert re.search(rf"^{words[0]}:.*  ## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return 0, ""
    if program == "netyard":
        return cli.main(words), capsys.readouterr().err
    assert (program, words[0]) == ("python", "train.py")
    overrides = words[1:]
    if "--help" not in overrides and not runs_here(line):
        return 0, ""
    if "-m" in overrides:
        overrides = [*overrides, "launcher=basic", "debug=smoke"]
    elif not any(text.startswith(("resume=", "debug=", "trainer.max_epochs=")) for text in overrides):
        overrides += ["trainer.max_epochs=1" if "hydra.run.dir=" in line else "debug=smoke"]
    if "=" in line and "hydra.run.dir=" not in line and "resume=" not in line and "-m" not in overrides:
        overrides.append(f"hydra.run.dir=runs/{len(list(Path.cwd().glob('runs/*')))}")
    ran = train(*overrides)
    return ran.code, ran.err


def write_files_of_a_user(place: Path) -> None:
    draw = np.random.default_rng(0)
    for label, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (place / "photos" / label).mkdir(parents=True)
        for number in range(15):
            pixels = (draw.integers(-20, 20, (40, 48, 3)) + colour).astype(np.uint8)
            Image.fromarray(pixels).save(place / "photos" / label / f"{number}.png")
    cities = ["Rome", "Oslo", "Bonn"]
    houses = (f"{a:.1f},{cities[number % 3]},{50 + 2 * a:.3f}" for number, a in enumerate(draw.uniform(0, 90, 90)))
    opinions = (f"{'no ' * (i % 3)}{'fine' if i % 2 else 'poor'} food,{'good' if i % 2 else 'bad'}" for i in range(80))
    sales = (f"{month},{month % 12 + month / 100}" for month in range(240))
    for name, head, rows in (
        ("houses", "age,city,price", houses),
        ("opinions", "text,label", opinions),
        ("sales", "month,sold", sales),
    ):
        (place / f"{name}.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    words = draw.choice(["the ", "cat ", "sat ", "on ", "mat.\n"], 15000)
    (place / "book.txt").write_text("".join(words), encoding="utf-8")
