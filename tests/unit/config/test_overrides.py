"""Overrides as they are written and typed."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.config.overrides import argument


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("outputs/run", "resume=outputs/run"),
        ("my runs/a,b", "\"resume='my runs/a,b'\""),
        ("a'b", None),
        ("$HOME/`x`", None),
        ('say "x"', None),
        ("a\\b!", None),
    ],
)
def test_an_argument_is_read_back_by_the_shell_and_by_hydra(path: str, typed: str | None) -> None:
    text = argument("resume", path)
    assert typed is None or text == typed
    (word,) = shlex.split(text)
    assert OverridesParser.create().parse_override(word).value() == path
