"""An override's value as Hydra reads it, and a value as Hydra has to be given it. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

_PLAIN = re.compile(r"[\w./:+-]+", re.ASCII)


def value_of(overrides: Sequence[str], key: str) -> str | None:
    """What the last ``key=value`` says, its quotes taken off; None where it says null or nothing.

    A value that Hydra could not read, a path with an umlaut for one, is taken as it stands.
    """
    texts = [text for text in overrides if text.partition("=")[0] == key]
    if not texts:
        return None
    try:
        value = OverridesParser.create().parse_override(texts[-1]).value()
    except (HydraException, ValueError):  # several values are no value
        value = texts[-1].partition("=")[2]
    return None if value is None or value == "" else str(value)


def override(key: str, value: str | Path) -> str:
    """``key=value``, in quotes where a character of the value would mean something else to Hydra."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return f"{key}={text}"
    # Backslashes mean something before a quote alone; a ${ would be followed.
    text = re.sub(r"(\\*)'", r"\1\1\\'", text.replace("${", "\\${"))
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f"{key}='{text}'"
