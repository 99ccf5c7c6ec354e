"""Installed packages that extend netyard: found by their entry point and read without importing them, or torch.

A package registers itself in its ``pyproject.toml``::

    [project.entry-points.netyard]
    my_project = "my_project"

Its folder ``my_project/conf`` is then searched like netyard's own ``conf/``, and its classes may be named in configs.
A package whose ``conf/`` is broken, or has an option of another package, is left out with a warning; all other options
still work.
"""

from __future__ import annotations

import ast
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from netyard.errors import NetyardError
from netyard.io import safe_yaml
from netyard.io.process import is_main_process
from netyard.ranges import table

GROUP = "netyard"
"""The group of entry points that packages register in."""
# A config may name what a plugin defines: an entry point of "os" would allow os.system.
_RESERVED = {"netyard", "hydra", "hydra_plugins", "omegaconf", *sys.stdlib_module_names}


@dataclass(frozen=True)
class Plugin:
    """One package that extends netyard."""

    name: str
    """The name of its entry point, used in messages and lists."""
    package: str
    """The name to import, possibly dotted."""
    distribution: str
    """The name for pip."""
    version: str
    folder: Path
    """The folder of the package."""

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Fault:
    """A package whose options cannot be used, and the reason."""

    name: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        return (
            f"package {self.name} is left out: {self.reason}; everything else works without it;"
            f" fix it, or pip uninstall {self.distribution}."
        )


def installed() -> tuple[Plugin, ...]:
    """Return the packages whose classes may be named in configs, also those whose ``conf/`` is left out."""
    return _found(tuple(sys.path))[0]


def usable() -> tuple[Plugin, ...]:
    """Return the packages of ``installed`` whose ``conf/`` is used, so that its options can be chosen."""
    broken = {fault.name for fault in faults()}
    return tuple(each for each in installed() if each.name not in broken)


def faults() -> tuple[Fault, ...]:
    """Return what is wrong with registered packages."""
    return _found(tuple(sys.path))[1]


def versions() -> str:
    """Return name and version of each package, for ``results.json``."""
    return ", ".join(map(str, installed()))


_WARNED: set[Fault] = set()  # each of many commands of a notebook would repeat them


def warn() -> None:
    """Print to standard error which packages are left out, one line each, once in a process."""
    for fault in faults():
        if fault not in _WARNED and is_main_process():
            print(f"warning: {fault}", file=sys.stderr)
        _WARNED.add(fault)


def owner(name: str) -> Plugin | None:
    """Return the package that a dotted name belongs to."""
    # With a dot at the end of both: "acmes.net" is not in "acme".
    return next((each for each in installed() if f"{name}.".startswith(f"{each.package}.")), None)


def defines(name: str) -> bool:
    """Whether a dotted name is a class or function that an installed package itself defines.

    ``my_project.net.torch.hub.load`` is not, although Python would find it: a config must not reach through a trusted
    module what that module imports. For a Gymnasium id, ``my_project.arena:Maze-v0``, only the module must exist.
    """
    plugin = owner(name.partition(":")[0])
    if plugin is None:
        return False
    # ``inside`` is the name within the package; a colon separates the module from an environment's id.
    inside, colon, _ = name.removeprefix(plugin.package).removeprefix(".").partition(":")
    parts = tuple(inside.split(".")) if inside else ()
    if colon:
        return any(not rest and path.is_file() for path, rest in _modules(plugin.folder, parts))
    return _defined(plugin, parts, set())


def is_missing(name: str) -> bool:
    """Whether the package of a dotted name is not installed. Nothing is imported."""
    top, _, inner = name.partition(":")[0].partition(".")
    # find_spec raises for some modules that are imported already, such as __main__.
    if top in sys.modules:
        return False
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return True
    if spec is None or spec.origin is not None:
        return spec is None
    # Python takes any folder of that name on sys.path for a namespace package, such as the folder of a project with
    # src/ in it: look whether the next part of the name is in there.
    part = inner.partition(".")[0]
    places = (Path(place, part) for place in spec.submodule_search_locations or ())
    return not any(place.is_dir() or place.with_suffix(".py").is_file() for place in places)


# Find packages


@cache
def _found(path: tuple[str, ...]) -> tuple[tuple[Plugin, ...], tuple[Fault, ...]]:
    """Return packages and faults; cached for each ``sys.path``, which decides what is installed."""
    plugins: dict[str, Plugin] = {}
    offered: dict[str, str] = {}  # option -> the name of the package that has it
    faults: list[Fault] = []
    # Sorted by name: which of two packages is left out must not depend on the order of folders on disk.
    for distribution, name, value in sorted(_entries(), key=lambda entry: entry[1:]):
        called = _metadata(distribution, "Name") or name
        try:
            folder = _folder(value)
        except _Broken as broken:
            faults.append(Fault(name, called, str(broken)))
            continue
        # Not a clash: old and new name of a package, for instance.
        if any(each.package == value for each in plugins.values()):
            continue  # the same package under a second name
        if name in plugins:
            faults.append(Fault(f"{name} ({called})", called, f"{plugins[name].distribution} has that name too"))
            continue
        plugins[name] = Plugin(name, value, called, _metadata(distribution, "Version") or "?", folder)
        if fault := _fault_of(plugins[name].conf) or _clash(plugins[name].conf, offered):
            faults.append(Fault(name, called, fault))
        else:
            offered |= dict.fromkeys(_options_of(plugins[name].conf), name)
    return tuple(plugins.values()), tuple(faults)


class _Broken(Exception):  # noqa: N818  (it never leaves this module)
    """The reason why a package cannot be found."""


def _entries() -> Iterator[tuple[metadata.Distribution, str, str]]:
    """Yield distribution, name and value of each entry point in netyard's group.

    ``metadata.entry_points()`` is not used: it raises at the first distribution whose files cannot be read.
    """
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except (OSError, ValueError):
            continue
        if f"[{GROUP}]" not in text.replace(" ", ""):
            continue
        # pip treats my_project and My-Project as one name.
        called = (_metadata(distribution, "Name") or text).lower().replace("_", "-")
        if called in seen:  # the first on sys.path is the one that is imported
            continue
        seen.add(called)
        # Read by hand: configparser raises at a line that is not key = value, and would lose the others.
        section = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("["):
                section = line.strip("[] ")
            elif section == GROUP and line and line[0] not in "#;":
                name, _, value = map(str.strip, line.partition("="))
                yield distribution, name, value


def _metadata(distribution: metadata.Distribution, key: str) -> str | None:
    try:
        return distribution.metadata[key]
    except (KeyError, TypeError, OSError, ValueError):  # without a METADATA file
        return None


def _folder(value: str) -> Path:
    """Return the folder of a package. ``find_spec`` gets only the first part of its name: it imports parents."""
    top, *inner = value.split(".")
    if not all(part.isidentifier() for part in (top, *inner)):
        raise _Broken(
            f'its entry point is {value!r}, and it must be the name of a package, as in my_project = "my_project"'
        )
    if top in _RESERVED:
        raise _Broken(f"its entry point is {value!r}, which is not a package of its own")
    try:
        spec = find_spec(top)
    # A finder of another package may raise anything of this.
    except (ImportError, ValueError, AttributeError) as error:
        raise _Broken(f"Python cannot look for {top}: {error}") from error
    if spec is None:
        raise _Broken(f"Python finds no package {top}")
    for place in spec.submodule_search_locations or ():
        if (folder := Path(place, *inner)).is_dir():
            return folder
    kind = f"{top} is a single module" if spec.submodule_search_locations is None else f"there is no package {value}"
    raise _Broken(f"{kind}, and a package is a folder with conf/ in it")


# Check their conf/


def _fault_of(conf: Path) -> str:
    """Return why a ``conf/`` cannot be used; an empty text if it can."""
    if not conf.is_dir():
        return f"there is no folder {conf}"
    home: dict[str, str] = {}  # model name -> the family that has it
    try:
        for path in sorted(conf.rglob("*.yaml")):
            node = safe_yaml.load(path)
            if path.parent == conf / "family":
                # Checked here, because a broken family would otherwise fail every command that lists models.
                if fault := _fault_of_family(node):
                    return f"{path} {fault}"
                for name in node["variants"]:
                    if home.setdefault(name, path.stem) != path.stem:
                        return f"its families {home[name]} and {path.stem} both offer model={name}"
            # An empty file is valid: an option without keys, such as callbacks=none.
            if not isinstance(node, Mapping | None):
                return f"{path} contains a {type(node).__name__} instead of keys"
        if (path := conf / "parameters.csv").is_file():
            counts(path)
        if (path := conf / table.FILE).is_file():
            table.require(path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        return f"{path} is not YAML{where}: {getattr(error, 'problem', None) or str(error).splitlines()[0]}"
    except NetyardError as error:
        return error.given.rstrip(";.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path} cannot be read: {str(error) or type(error).__name__}"
    return ""


def _fault_of_family(node: Any) -> str:
    """Return what is wrong with the content of a family's file; an empty text if nothing is."""
    variants = node.get("variants") if isinstance(node, Mapping) else None
    if not isinstance(variants, Mapping) or not variants:
        return "has no table of variants, as in variants: {my_net: {}}"
    for name, arguments in variants.items():
        if not isinstance(name, str) or not isinstance(arguments, Mapping | None):
            return f"has a variant {name!r} that is not a name with arguments, as in my_net: {{width: 8}}"
    return ""


def _clash(conf: Path, offered: Mapping[str, str]) -> str:
    """Return which option another package has too; an empty text if there is none.

    The second package is left out as a whole. Hydra takes an option from the first folder that has it, also where an
    option of the second package inherits from it, and would then silently build the wrong one.
    """
    shared = sorted(_options_of(conf) & {*offered})
    if not shared:
        return ""
    group, _, option = shared[0].partition("/")
    single = option and "/" not in option and group not in ("family", "hydra")
    what = f"{group}={option}" if single else f"{shared[0]}.yaml"
    return f"package {offered[shared[0]]} offers {what} too"


def _options_of(conf: Path) -> set[str]:
    """Return ``group/option`` for each file of a ``conf/`` without faults and each model of its families."""
    files = {path.relative_to(conf).with_suffix("").as_posix() for path in conf.rglob("*.yaml")}
    families = [safe_yaml.load(path) for path in conf.glob("family/*.yaml")]
    return files | {f"model/{name}" for node in families for name in node["variants"]}


def counts(path: Path) -> dict[str, int]:
    """Return the number of parameters of each model in a ``parameters.csv``."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["model"]: int(row["parameters"]) for row in csv.DictReader(file)}


# Find what their source defines


def _modules(folder: Path, parts: Sequence[str]) -> Iterator[tuple[Path, Sequence[str]]]:
    """Yield the files that may define a dotted name, each with the rest of the name after that module."""
    yield folder / "__init__.py", parts
    for number, part in enumerate(parts):
        yield folder / f"{part}.py", parts[number + 1 :]
        folder = folder / part
        yield folder / "__init__.py", parts[number + 1 :]


def _defined(plugin: Plugin, parts: Sequence[str], seen: set[Any]) -> bool:
    """Whether one of the package's files defines a name, or imports it from another one of them."""
    # ``seen`` stops at modules that import each other in a circle.
    if not parts or tuple(parts) in seen:
        return False
    seen.add(tuple(parts))
    for path, rest in _modules(plugin.folder, parts):
        if not rest or not path.is_file():
            continue
        for node in _statements(path):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == rest[0]:
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                if len(rest) == 1 or (isinstance(node, ast.ClassDef) and len(rest) == 2 and rest[1] in methods):
                    return True
            if isinstance(node, ast.ImportFrom) and (source := _source(plugin, path, node)) is not None:
                for alias in node.names:
                    # At most two parts, a class and its method: a star imports no submodules.
                    if alias.name == "*" and len(rest) <= 2 and _defined(plugin, (*source, *rest), seen):
                        return True
                    if (alias.asname or alias.name) == rest[0] and _defined(
                        plugin, (*source, alias.name, *rest[1:]), seen
                    ):
                        return True
    return False


@cache
def _statements(path: Path) -> tuple[ast.stmt, ...]:
    """Return the statements of a module, including those inside ``if`` and ``try``."""
    try:
        # Parsed, not imported: nothing of a package runs before a config names it.
        waiting = list(ast.parse(path.read_bytes()).body)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found: list[ast.stmt] = []
    while waiting:
        node = waiting.pop()
        found.append(node)
        if isinstance(node, ast.If | ast.Try):
            waiting += [*node.body, *node.orelse]
            waiting += [each for handler in getattr(node, "handlers", ()) for each in handler.body]
    return tuple(found)


def _source(plugin: Plugin, path: Path, node: ast.ImportFrom) -> tuple[str, ...] | None:
    """Return the module of an import, as parts of its name inside the package; None if it is another package's."""
    named = tuple((node.module or "").split(".")) if node.module else ()
    if not node.level:
        package = tuple(plugin.package.split("."))
        return named[len(package) :] if named[: len(package)] == package else None
    # Relative: one dot is the folder of the file, each further dot the folder above.
    here = path.parent.relative_to(plugin.folder).parts
    above = node.level - 1
    return (*here[: len(here) - above], *named) if above <= len(here) else None
