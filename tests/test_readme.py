"""Every command in the README, the docs and the configuration composes, and those of the README run."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard import catalog, schema
from netyard.cli import compose
from netyard.errors import PlatformError
from netyard.sweeps.arguments import spelled_out
from netyard.sweeps.space import Space

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "conf").rglob("*.yaml")),
]
# What is in the files, and not known before they are read.
FACTS = ("num_classes", "num_features", "vocab_size", "target_vocab_size", "sequence_length", "target_length")
TRAIN = re.compile(
    r"(?:python|torchrun [^\n`]*?) ?train\.py((?: +(?:-\w+|'[^'\n]+'|[\w.+~@/]+=(?:\[[^\]]*\]|[^\s`;#)]+)))+)"
)


def commands() -> list[tuple[str, str]]:
    """Every ``python train.py ...`` with where it stands."""
    return [
        (page.name, found.group(1).strip())
        for page in PAGES
        for found in TRAIN.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "words"), commands(), ids=str)
def test_a_documented_command_composes(page: str, words: str, tmp_path: Path) -> None:
    overrides = shlex.split(words)
    overrides = [text for text in overrides if not text.startswith("resume=")]
    try:
        overrides = spelled_out(overrides, sweeping="-m" in overrides)
    except PlatformError as missing:
        pytest.skip(str(missing))
    if "-m" in overrides:
        overrides = a_job([text for text in overrides if text != "-m"])
    cfg, choices = compose(overrides)
    cfg.data.update({fact: 8 for fact in FACTS if cfg.data.get(fact, 0) is None})
    schema.check(cfg, choices)


def a_job(overrides: list[str]) -> list[str]:
    """Some job of a sweep."""
    space = Space.parse(OverridesParser.create(), params={}, when={}, together=[], arguments=overrides)
    return space.sample(random.Random(0))


def test_the_commands_are_found() -> None:
    assert len([words for page, words in commands() if page == "README.md"]) >= 10


def test_the_first_screen_has_the_two_commands_and_ci_runs_the_second() -> None:
    screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:12]
    assert any(line.startswith("make train") for line in screen)
    assert any(line.startswith("make test") for line in screen)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_family_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for family, node in catalog.families().items():
        assert any(f"`{name}`" in text for name in node["variants"]), family


@pytest.mark.parametrize(
    "target", ["help", "setup", "train", "test", "check", "fmt", "bench", "board", "report", "clean"]
)
def test_make_explains_every_target(target: str) -> None:
    assert re.search(rf"^{target}:.*  ## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def runs_here(words: str) -> bool:
    """Whether a command asks for no file of the user's and no download."""
    chosen = re.search(r"\bdata=(\w+)", words)
    downloaded = chosen and "root" in catalog.option_file("data", chosen[1])
    return not downloaded and not re.search(r"=(FILE|DIR|RUN_DIR|SWEEP_DIR)\b", words)


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for page, words in commands() if page == "README.md" and runs_here(words)])
def test_a_readme_command_runs(train, words: str, tmp_path: Path) -> None:
    """As written, for a batch or two."""
    where = f"hydra.sweep.dir={tmp_path / 'sweep'}" if "-m" in words else f"hydra.run.dir={tmp_path / 'run'}"
    ran = train(*shlex.split(words), "debug=smoke", "data.batch_size=4", "data.eval_batch_size=4", where)
    assert ran.code == 0, ran.err
