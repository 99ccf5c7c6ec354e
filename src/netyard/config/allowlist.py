"""What a config may have built: names in ``conf/``, of installed packages, and allowed on the command line. No torch.

A config that comes in a run directory, a checkpoint or an override is data, and its ``_target_`` would be imported and
called. So a name is compared, as it is written and before anything is imported, with the names of the installed
``conf/``, and with what the packages that extend netyard name in theirs or define (see ``plugins``): who installs a
package trusts its code. Others have to be typed after ``--allow-target``, which no file can do for the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from netyard import plugins
from netyard.config import renamed
from netyard.config.catalog import conf_dir, sources
from netyard.errors import ConfigError, NetyardError

FLAG = "--allow-target"
DEEPEST = 40  # levels of a config; ours has seven
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[\w./-]+)?", re.ASCII)  # a class, or an environment MODULE:ID

_ALLOWED: list[str] = []


def taken(arguments: Sequence[str]) -> list[str]:
    """Allow what the flags of a command line name, and nothing else; returns the words that are no such flag.

    Raises:
        ConfigError: a flag without the name of one class.
    """
    rest: list[str] = []
    names: list[str] = []
    words = iter(arguments)
    for word in words:
        flag, equals, name = word.partition("=")
        if flag != FLAG:
            rest.append(word)
            continue
        name = name if equals else next(words, "")
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{FLAG} was given {name or 'nothing'};",
                "it takes the full dotted name of one class, and may be repeated;",
                f"try {FLAG} my_package.my_module.MyNet.",
            )
        names.append(name)
    allow(names)
    return rest


def allow(names: Iterable[str]) -> None:
    """Let configs have these built in this process, besides what is offered; takes the place of what was allowed."""
    _ALLOWED[:] = dict.fromkeys(names)


def allowed() -> tuple[str, ...]:
    """What the user has allowed."""
    return tuple(_ALLOWED)


def flags() -> list[str]:
    """What other processes of the same command have to be told."""
    return [f"{FLAG}={name}" for name in _ALLOWED]


def offered() -> frozenset[str]:
    """Every ``_target_`` of netyard's own ``conf/``, but for what Hydra itself builds."""
    return targets_in(conf_dir())


def of_packages() -> frozenset[str]:
    """Every ``_target_`` in the ``conf/`` of the installed packages that extend netyard, likewise."""
    return frozenset().union(*(targets_in(source.folder) for source in sources()[1:]))


def of_hydra() -> frozenset[str]:
    """Every ``_target_`` in ``conf/hydra/``, netyard's and those packages'."""
    return frozenset().union(*(_written_in((source.folder / "hydra").rglob("*.yaml")) for source in sources()))


def require(node: Any, key: str = "", kind: type[NetyardError] = ConfigError, known: Iterable[str] = ()) -> None:
    """Refuse a config that names what nobody has offered or allowed, before anything of it is imported.

    Args:
        node: a config, or plain lists and mappings.
        key: where the node stands, for the message.
        kind: of the error.
        known: names to be taken for offered, too.

    Raises:
        NetyardError: of that kind; a name that is not offered, is no plain text, or stands too deep.
    """
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=False)
    fine = {*offered(), *of_packages(), *known, *_ALLOWED}
    for place, name in _names(node, key, kind):
        if isinstance(name, str) and (
            renamed.target(name) in fine or (_NAME.fullmatch(name) and plugins.defines(name))
        ):
            continue
        raise _refused(place, name, kind)


def require_installed(node: Any, key: str, kind: type[NetyardError] = ConfigError) -> None:
    """Refuse a config that names classes of packages which are not installed.

    Raises:
        NetyardError: of that kind; see ``require``, which refuses more.
    """
    for place, name in _names(node, key, kind):
        if isinstance(name, str) and name not in _ALLOWED and _NAME.fullmatch(name) and plugins.is_missing(name):
            raise _refused(place, name, kind)


def _names(node: Any, key: str, kind: type[NetyardError]) -> Iterator[tuple[str, Any]]:
    """Each name that would be imported, with its dotted key, however deep in lists and mappings."""
    waiting: list[tuple[str, Any, int]] = [(key, node, 0)]
    while waiting:
        place, each, depth = waiting.pop()
        if depth > DEEPEST:
            raise kind(
                f"{'.'.join(place.split('.')[:3])} is nested deeper than {DEEPEST} levels;",
                "no config of a run is;",
                "take it out.",
            )
        if isinstance(each, Mapping):
            for name, value in each.items():
                here = f"{place}.{name}" if place else str(name)
                # Gymnasium imports the module of an environment MODULE:ID.
                if name == "_target_" or (name == "id" and isinstance(value, str) and ":" in value):
                    yield here, value
                else:
                    waiting.append((here, value, depth + 1))
        elif isinstance(each, list | tuple):
            waiting += [(f"{place}[{number}]", value, depth + 1) for number, value in enumerate(each)]


def _refused(key: str, name: Any, kind: type[NetyardError]) -> NetyardError:
    shown = str(name)[:200]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return kind(
            f"{key} is {shown!r}, no name of a class;",
            "it is the dotted name of one, as it stands, without interpolations;",
            "write the name out, or take it out.",
        )
    if plugins.is_missing(name):
        top = name.partition(":")[0].partition(".")[0]
        return kind(
            f"{key} is {shown}, and no package {top} is installed;",
            "a config has only those names built that netyard or an installed package offers, or that you allow;",
            f"if you trust that code, install package {top}, or, of a file of your own, put its folder on PYTHONPATH"
            f" and add {FLAG} {shown} to the command.",
        )
    if plugin := plugins.owner(name):
        return kind(
            f"{key} is {shown}, which package {plugin} does not define;",
            "a config has only those classes and functions built that a package defines, or names in its conf/;",
            f"install the version of {plugin.distribution} that it was written with, or add {FLAG} {shown}.",
        )
    return kind(
        f"{key} is {shown}, which netyard does not offer;",
        "a config has only those names built that are in netyard's own conf/, or that you allow;",
        f"if you trust that code, add {FLAG} {shown} to the command.",
    )


@cache
def targets_in(folder: Path) -> frozenset[str]:
    """Every ``_target_`` in the files of a ``conf/`` folder, except those that Hydra itself builds."""
    files = (each for each in folder.rglob("*.yaml") if each.relative_to(folder).parts[0] != "hydra")
    return frozenset(_written_in(files))


def _written_in(files: Iterable[Path]) -> Iterator[str]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in files:
        text = path.read_text(encoding="utf-8")
        if "_target_" in text:
            yield from (name for _, name in _names(yaml.load(text, Loader=loader), "", ConfigError) if _plain(name))


def _plain(name: Any) -> bool:
    return isinstance(name, str) and "${" not in name
