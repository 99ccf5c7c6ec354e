"""Read YAML from untrusted sources: size and depth are checked before it is parsed. Imports no torch.

A file of three hundred bytes whose aliases name aliases holds a billion values, and one of a thousand brackets ends the
interpreter: both are counted by the parser's events, before anything is made of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from netyard.errors import ConfigError, NetyardError

MOST_CHARACTERS = 1 << 20
MOST_VALUES = 50_000
DEEPEST = 40  # levels, as in ``targets``

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path, kind: type[NetyardError] = ConfigError) -> Any:
    """What a YAML file holds, plain types only; see ``require`` for what it raises.

    Raises:
        OSError, ValueError, yaml.YAMLError: it cannot be read, or is not YAML.
    """
    return yaml.load(require(path, kind), Loader=_Loader)


def require(path: Path, kind: type[NetyardError] = ConfigError) -> str:
    """The text of a YAML file.

    Raises:
        NetyardError: of that kind; it would be too large or too deep, or hold itself.
    """
    if path.stat().st_size > 4 * MOST_CHARACTERS:
        raise _refused(path, f"has {path.stat().st_size:,} bytes", kind)
    text = path.read_text(encoding="utf-8")
    if len(text) > MOST_CHARACTERS:
        raise _refused(path, f"has {len(text):,} characters", kind)
    if fault := _fault(text):
        raise _refused(path, fault, kind)
    return text


def _fault(text: str) -> str:
    """What is wrong with its size; an empty text if nothing is, or if the parser will refuse it as invalid YAML."""
    deep = ("- " * DEEPEST, " " * DEEPEST)
    if len(text) < MOST_VALUES and not {*"&[{"} & {*text} and not any(each in text for each in deep):
        return ""  # most of what Hydra writes
    anchored: dict[str | None, int] = {}
    opened: list[list[Any]] = [["", 0]]  # the anchor and the number of values of each level
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in anchored:
                    return "holds itself"
                opened[-1][1] += anchored[event.anchor]
            elif isinstance(event, yaml.CollectionStartEvent):
                opened.append([event.anchor, 1])
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, count = opened.pop()
                anchored[anchor] = count
                opened[-1][1] += count
            elif isinstance(event, yaml.ScalarEvent):
                anchored[event.anchor] = 1
                opened[-1][1] += 1
            if len(opened) > DEEPEST:
                return f"is nested deeper than {DEEPEST} levels"
            if sum(count for _, count in opened[-2:]) > MOST_VALUES:
                return f"stands for more than {MOST_VALUES:,} values"
    except yaml.YAMLError:
        pass
    return ""


def _refused(path: Path, fault: str, kind: type[NetyardError]) -> NetyardError:
    return kind(
        f"{path} {fault};",
        f"a config is written by a person: at most {MOST_VALUES:,} values, {DEEPEST} levels, {MOST_CHARACTERS:,}"
        " characters;",
        "check who wrote it, and remove it.",
    )
