"""The classes that a config may name as ``_target_``. Imports no torch.

A config from a run directory, a checkpoint or an override is untrusted data, and its ``_target_`` would be imported
and called. So each name is compared, as text and before anything is imported, with the names in the installed
``conf/``, with those of ``library_classes``, and with those that installed packages which extend netyard name in their
``conf/`` or define (see ``plugins``): installing a package means trusting its code. Any other name has to be given by
``--allow-target`` on the command line; no file can allow it.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from netyard import plugins
from netyard.config import library_classes, renamed
from netyard.config.catalog import conf_dir, sources
from netyard.errors import ConfigError, NetyardError

FLAG = "--allow-target"
DEEPEST = 40  # levels of nesting; netyard's configs have seven
# ASCII only: two names that look the same to a reader must be the same.
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[\w./-]+)?", re.ASCII)  # a class, or an environment MODULE:ID

_ALLOWED: list[str] = []  # of this process; other processes of the command get it as flags


def take_flags(arguments: Sequence[str]) -> list[str]:
    """Allow the names that follow ``--allow-target`` on a command line; returns the other words.

    Raises:
        ConfigError: the flag is not followed by the name of one class.
    """
    rest: list[str] = []
    names: list[str] = []
    words = iter(arguments)
    for word in words:
        flag, equals, name = word.partition("=")
        if flag != FLAG:
            rest.append(word)
            continue
        name = name if equals else next(words, "")  # --allow-target=NAME, or two words
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
    """Allow these names in this process, besides those of ``conf/``. Replaces what was allowed before.

    Their packages are also searched in the working folder, after all others, so that none of its files hides a module.
    """
    _ALLOWED[:] = dict.fromkeys(names)
    if any(plugins.is_missing(name) and _lies_here(name) for name in _ALLOWED):
        sys.path.append(str(Path.cwd()))
        importlib.invalidate_caches()


def _lies_here(name: str) -> bool:
    """Whether the package of a name is a file, or a folder with modules, in the working folder."""
    top, *inner = name.partition(":")[0].split(".")
    # The folder of a project, with src/ in it, is no package; one that has the module of the name is, and needs no
    # __init__.py.
    modules = [Path(top, *inner[:length]) for length in range(len(inner) + 1)]
    return any(Path(top).glob("*.py")) or any(module.with_suffix(".py").is_file() for module in modules)


def allowed() -> tuple[str, ...]:
    """The names that the user has allowed."""
    return tuple(_ALLOWED)


def flags() -> list[str]:
    """The flags for other processes of the same command: ranks, and jobs of a sweep."""
    return [f"{FLAG}={name}" for name in _ALLOWED]


def netyard_targets() -> frozenset[str]:
    """Every ``_target_`` in netyard's own ``conf/``, except those that Hydra itself builds."""
    return targets_in(conf_dir())


def package_targets() -> frozenset[str]:
    """The same for the ``conf/`` of the installed packages that extend netyard."""
    return frozenset().union(*(targets_in(source.folder) for source in sources()[1:]))


def hydra_targets() -> frozenset[str]:
    """Every ``_target_`` in ``conf/hydra/``, of netyard and of those packages: sweepers, launchers, callbacks."""
    return frozenset().union(*(_written_in((source.folder / "hydra").rglob("*.yaml")) for source in sources()))


def require(node: Any, key: str = "", kind: type[NetyardError] = ConfigError, known: Iterable[str] = ()) -> None:
    """Refuse a config with a name that is not allowed, before anything is imported.

    Args:
        node: a config, or plain lists and mappings.
        key: the dotted key of the node, for the message.
        kind: the class of the error.
        known: further names that are allowed.

    Raises:
        NetyardError: of that kind; a name is not allowed or not plain text, or the config is nested too deeply.
    """
    if OmegaConf.is_config(node):
        # Unresolved: resolving would run resolvers of an unchecked config. "${...}" is no valid name, and is refused.
        node = OmegaConf.to_container(node, resolve=False)
    allowed_names = {*netyard_targets(), *package_targets(), *library_classes.CLASSES, *known, *_ALLOWED}
    for place, name in _names(node, key, kind):
        # A name of an earlier version is allowed if its present one is.
        if isinstance(name, str) and (
            renamed.target(name) in allowed_names or (_NAME.fullmatch(name) and plugins.defines(name))
        ):
            continue
        raise _refused(place, name, kind)


def require_installed(node: Any, key: str, kind: type[NetyardError] = ConfigError) -> None:
    """Refuse a config with classes of packages that are not installed.

    Raises:
        NetyardError: of that kind; see ``require``, which refuses more.
    """
    for place, name in _names(node, key, kind):
        if isinstance(name, str) and name not in _ALLOWED and _NAME.fullmatch(name) and plugins.is_missing(name):
            raise _refused(place, name, kind)


def _names(node: Any, key: str, kind: type[NetyardError]) -> Iterator[tuple[str, Any]]:
    """Each name that would be imported, with its dotted key, at any depth of lists and mappings."""
    # Not recursive: a hostile config nested a thousand levels deep would exhaust the stack.
    waiting: list[tuple[str, Any, int]] = [(key, node, 0)]
    while waiting:
        place, each, depth = waiting.pop()
        if depth > DEEPEST:
            raise kind(
                f"{'.'.join(place.split('.')[:3])} is nested deeper than {DEEPEST} levels;",
                "configs of runs are not;",
                "remove it.",
            )
        if isinstance(each, Mapping):
            for name, value in each.items():
                here = f"{place}.{name}" if place else str(name)
                # gymnasium.make("MODULE:ID") imports MODULE, so the id of an environment is a name, too.
                if name == "_target_" or (name == "id" and isinstance(value, str) and ":" in value):
                    yield here, value
                else:
                    waiting.append((here, value, depth + 1))
        elif isinstance(each, list | tuple):
            waiting += [(f"{place}[{number}]", value, depth + 1) for number, value in enumerate(each)]


def _refused(key: str, name: Any, kind: type[NetyardError]) -> NetyardError:
    shown = str(name)[:200]  # the text of an attacker, in a terminal
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return kind(
            f"{key} is {shown!r}, which is not the name of a class;",
            "it must be a dotted name as plain text, without interpolations;",
            "write the full name, or remove the key.",
        )
    if plugins.is_missing(name) and not _lies_here(name):
        top = name.partition(":")[0].partition(".")[0]
        return kind(
            f"{key} is {shown}, and no package {top} is installed;",
            "a config may name only classes of netyard and of installed packages, and those that you allow;",
            f"if you trust that code, install package {top}, or, if it is a file of your own, change to its folder"
            f" and add {FLAG} {shown} to the command.",
        )
    if plugin := plugins.owner(name):
        return kind(
            f"{key} is {shown}, which package {plugin} does not define;",
            "a config may name only classes and functions that a package defines, or names in its conf/;",
            f"install the version of {plugin.distribution} that it was written with, or add {FLAG} {shown}.",
        )
    return kind(
        f"{key} is {shown}, which netyard does not offer;",
        "a config may name only classes in netyard's own conf/, common ones of torch and Lightning, and those that you"
        " allow;",
        f"if you trust that code, add {FLAG} {shown} to the command.",
    )


@cache
def targets_in(folder: Path) -> frozenset[str]:
    """Every ``_target_`` in the files of a ``conf/`` folder, except those that Hydra itself builds."""
    # What Hydra builds (conf/hydra/) is no part of a run, and is allowed only there.
    files = (each for each in folder.rglob("*.yaml") if each.relative_to(folder).parts[0] != "hydra")
    return frozenset(_written_in(files))


def _written_in(files: Iterable[Path]) -> Iterator[str]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the loader in C is much faster
    for path in files:
        text = path.read_text(encoding="utf-8")
        if "_target_" in text:  # most files have none, and need not be parsed
            yield from (name for _, name in _names(yaml.load(text, Loader=loader), "", ConfigError) if _plain(name))


def _plain(name: Any) -> bool:
    # An interpolation as a target could become anything.
    return isinstance(name, str) and "${" not in name
