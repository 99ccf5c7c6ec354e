"""Every command in the README, the docs and the configuration composes; those of the README and the guides run."""

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

ROOT = Path(__file__).resolve().parents[3]
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
REFUSED = re.compile(r"```console\n\$ [^\n]*\nerror: .*?```", re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Every ``python train.py ...`` with where it stands, but for those that a page shows to be mistakes."""
    return [
        (page.name, found.group(1).strip())
        for page in PAGES
        for found in TRAIN.finditer(REFUSED.sub("", page.read_text(encoding="utf-8")))
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


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".md"], ids=lambda page: page.name)
def test_what_a_page_points_at_is_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_idea_has_a_file_and_a_command() -> None:
    """Which other tests look for, and compose."""
    text = (ROOT / "docs" / "ideas.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| idea", "| ---"))]
    assert len(rows) > 50
    for row in rows:
        _, file, command = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert file.startswith("[") and (TRAIN.search(command) or command.startswith("`netyard export ")), row
