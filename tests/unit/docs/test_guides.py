"""Every command in the documentation and in the heads of the configuration files composes, and every link leads on."""

from __future__ import annotations

import copy
import random
import re
import shlex
from functools import cache
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from netyard.config import catalog
from netyard.config.compose import compose
from netyard.errors import PlatformError
from netyard.sweeps.arguments import with_full_names
from netyard.sweeps.search.space import Space
from support.composed_configs import check_with_facts
from support.documented_commands import PAGES, train_commands


def is_a_listed_name(words: str) -> bool:
    """Whether a command is one choice alone, which ``test_catalog.py`` composes."""
    group, _, name = words.partition("=")
    return group in catalog.GROUPS and group != "callbacks" and name in catalog.options(group)


COMMANDS = [words for words in train_commands(PAGES) if not is_a_listed_name(words)]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_documented_command_composes(words: str) -> None:
    overrides = [text for text in shlex.split(words) if not text.startswith("resume=")]
    try:
        overrides = with_full_names(overrides, sweeping="-m" in overrides)
    except PlatformError as missing:
        pytest.skip(str(missing))
    if "-m" in overrides:
        overrides = a_job([text for text in overrides if text != "-m"])
    overrides = [text for text in overrides if not text.startswith(("hydra.run.dir=", "seed="))]
    # Without them, the command may be one choice alone.
    if len(overrides) != 1 or not is_a_listed_name(overrides[0]):
        check_with_facts(*composed(overrides))


def composed(overrides: list[str]) -> tuple[DictConfig, dict[str, Any]]:
    """The config of a command; commands that choose the same options share a composition, in which values are set."""
    if any(text.startswith(("+", "~", "hydra")) for text in overrides):
        return compose(overrides)
    options = tuple(text for text in overrides if text.partition("=")[0] in catalog.GROUPS)
    cfg, choices = copy.deepcopy(with_options(options))
    for each in OverridesParser.create().parse_overrides([text for text in overrides if text not in options]):
        OmegaConf.update(cfg, each.key_or_group, each.value(), merge=True)
    OmegaConf.set_struct(cfg, False)
    return cfg, choices


@cache
def with_options(options: tuple[str, ...]) -> tuple[DictConfig, dict[str, Any]]:
    cfg, choices = compose(options)
    OmegaConf.set_struct(cfg, True)  # as Hydra does, so that a key that does not exist is refused
    return cfg, choices


def a_job(overrides: list[str]) -> list[str]:
    """Some job of a sweep."""
    space = Space.parse(OverridesParser.create(), params={}, when={}, together=[], arguments=overrides)
    return space.sample(random.Random(0))


def test_the_commands_are_found() -> None:
    assert len(COMMANDS) >= 100
    assert all(train_commands([page]) for page in PAGES if page.stem in ("first_run", "ideas", "sweeps", "clusters"))


def test_what_a_page_points_at_is_there() -> None:
    for page in (page for page in PAGES if page.suffix == ".md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} points at {target}"
