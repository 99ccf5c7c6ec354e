"""Every command in the documentation and in the heads of the configuration files composes, and every link leads on."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.config import catalog, schema
from netyard.config.compose import compose
from netyard.errors import PlatformError
from netyard.sweeps.arguments import with_full_names
from netyard.sweeps.search.space import Space
from support.documented_commands import PAGES, train_commands

# What is in the files, and not known before they are read.
FACTS = ("num_classes", "num_features", "vocab_size", "target_vocab_size", "sequence_length", "target_length")


def is_a_listed_name(words: str) -> bool:
    """Whether a command is one choice alone, which ``test_catalog.py`` composes."""
    group, _, name = words.partition("=")
    return group in catalog.GROUPS and group != "callbacks" and name in catalog.options(group)


COMMANDS = [words for words in train_commands(PAGES) if not is_a_listed_name(words)]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_documented_command_composes(words: str) -> None:
    overrides = shlex.split(words)
    overrides = [text for text in overrides if not text.startswith("resume=")]
    try:
        overrides = with_full_names(overrides, sweeping="-m" in overrides)
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
    assert len(COMMANDS) >= 100
    assert all(train_commands([page]) for page in PAGES if page.stem in ("first_run", "ideas", "sweeps", "clusters"))


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".md"], ids=lambda page: page.name)
def test_what_a_page_points_at_is_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
