"""Parse the value of an override, and write an override with the quotes that Hydra needs. Imports no torch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

_FREE = ("data.options.",)  # keys that hold the arguments of code that netyard does not know
_PLAIN = re.compile(r"[\w./:+-]+", re.ASCII)


def value_of(overrides: Sequence[str], key: str) -> str | None:
    """The value of the last ``key=value``, without quotes; None if it is null or empty, or there is no such override.

    A value that Hydra cannot parse, such as a path with an umlaut, is returned as it is written.
    """
    texts = [text for text in overrides if text.partition("=")[0] == key]
    if not texts:
        return None
    try:
        value = OverridesParser.create().parse_override(texts[-1]).value()
    except (HydraException, ValueError):  # ValueError: .value() of an override with several values
        value = texts[-1].partition("=")[2]
    return None if value is None or value == "" else str(value)


def free_keys_added(overrides: Sequence[str]) -> list[str]:
    """The overrides, with ``++`` before those of a key that may have any keys below it, as ``data.options.size=8``."""
    return [f"++{text}" if text.startswith(_FREE) else text for text in overrides]


def argument(key: str, value: str | Path) -> str:
    """``key=value`` as it is typed in a shell."""
    text = override(key, value)
    # Hydra's quotes are single ones, inside of which the shell would need a chain of quotes.
    return f'"{text}"' if "'" in text and not re.search(r'[$`"\\!]', text) else shlex.quote(text)


def override(key: str, value: str | Path) -> str:
    """``key=value``, in quotes if a character of the value has a meaning in Hydra's grammar."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return f"{key}={text}"
    # In quotes a backslash is special only before a quote, so only those are doubled; \${ is no interpolation.
    text = re.sub(r"(\\*)'", r"\1\1\\'", text.replace("${", "\\${"))
    # Backslashes at the end would escape the closing quote.
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f"{key}='{text}'"
