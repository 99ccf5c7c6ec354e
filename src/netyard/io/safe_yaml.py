"""Read YAML from untrusted sources: size and depth are checked before it is parsed. Imports no torch.

In three hundred bytes, aliases of aliases can stand for a billion values, and a thousand nested brackets crash the
interpreter. So values and levels are counted from the parser's events, before any object is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from netyard.errors import ConfigError, NetyardError

MAX_CHARACTERS = 1 << 20
MAX_VALUES = 50_000
MAX_DEPTH = 40  # levels, as in ``config.allowlist``

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path, kind: type[NetyardError] = ConfigError) -> Any:
    """Return the content of a YAML file, plain types only; raises as ``require`` too.

    Raises:
        OSError, ValueError, yaml.YAMLError: the file cannot be read, or is not YAML.
    """
    return yaml.load(require(path, kind), Loader=_Loader)


def require(path: Path, kind: type[NetyardError] = ConfigError) -> str:
    """Return the text of a YAML file after checking its size and depth.

    Raises:
        NetyardError: of class ``kind``; the file is too large or too deep, or contains itself.
    """
    # Before reading: a character takes at most four bytes in UTF-8.
    if path.stat().st_size > 4 * MAX_CHARACTERS:
        raise _refused(path, f"has {path.stat().st_size:,} bytes", kind)
    text = path.read_text(encoding="utf-8")
    if len(text) > MAX_CHARACTERS:
        raise _refused(path, f"has {len(text):,} characters", kind)
    if reason := fault(text):
        raise _refused(path, reason, kind)
    return text


def fault(text: str) -> str:
    """Return what is wrong with the size of a YAML text; an empty text if nothing is, or if it is not valid YAML."""
    # Without anchors, brackets and deep indentation no count can be exceeded, and scanning for events would double the
    # time for most files that Hydra writes.
    deep = ("- " * MAX_DEPTH, " " * MAX_DEPTH)
    if len(text) < MAX_VALUES and not {*"&[{"} & {*text} and not any(each in text for each in deep):
        return ""
    anchored: dict[str | None, int] = {}  # anchor -> the number of values that an alias of it stands for
    opened: list[list[Any]] = [["", 0]]  # anchor and number of values of each open level
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in anchored:  # its anchor is still open: the alias is inside of what it names
                    return "contains itself"
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
            if len(opened) > MAX_DEPTH:
                return f"is nested deeper than {MAX_DEPTH} levels"
            # The two innermost levels: a level's count is added to the one around it when it closes.
            if sum(count for _, count in opened[-2:]) > MAX_VALUES:
                return f"stands for more than {MAX_VALUES:,} values"
    except yaml.YAMLError:
        pass  # the caller parses the text and gets the same error, with the place in the file
    return ""


def _refused(path: Path, reason: str, kind: type[NetyardError]) -> NetyardError:
    return kind(
        f"{path} {reason};",
        f"a config is written by a person: at most {MAX_VALUES:,} values, {MAX_DEPTH} levels, {MAX_CHARACTERS:,}"
        " characters;",
        "check who wrote it, and remove it.",
    )
