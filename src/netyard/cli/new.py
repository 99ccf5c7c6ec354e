"""``netyard new NAME``: a package that extends netyard, to begin with. Knows no torch."""

from __future__ import annotations

import importlib.metadata
import json
import keyword
import os
import re
import shutil
import string
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from netyard.cli.command import Command
from netyard.errors import ConfigError
from netyard.io.version import __version__

TEMPLATES = Path(__file__).parent / "new_project"
"""A tree like the one that is written: files end in .template, and NAME in a path stands for the package's name."""
_SUFFIX = ".template"
_HIDDEN = ("gitignore",)  # which would be read by git here, too
# What both Python and package indexes take for a name.
_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?", re.ASCII)
_LONGEST = 60


class _Template(string.Template):
    """``%{name}``: YAML and make have other uses for a dollar."""

    delimiter = "%"


def new(arguments: Sequence[str]) -> str:
    """Write the package into a folder of its name, whole or not at all; returns what to do next.

    Raises:
        ConfigError: no name was given, or one that cannot be used.
    """
    if len(arguments) != 1:
        raise ConfigError(
            f"{len(arguments)} names were given;" if arguments else "no name was given;",
            "a package has one, which is its folder's too;",
            "type netyard new my_project.",
        )
    name = require_name(arguments[0])
    folder = Path(name)
    draft = Path(f".{name}.{os.getpid()}.draft")
    draft.mkdir()
    try:
        _write(name, draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # of a package that is there, nothing is left to remove
    source = _checkout()
    setup = f"make setup NETYARD={source}" if source else "make setup"
    return (
        f"{folder}/ is a package with a network, a data set and an experiment; its README.md says what is where.\n\n"
        f"  cd {folder}\n"
        f"  {setup}     # or, to use this environment: pip install -e .\n"
        f"  make test\n"
        f"  make train"
    )


def require_name(name: str) -> str:
    """Raises:
    ConfigError: the name is none for a package, or is taken.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:_LONGEST].rstrip("_")
        raise ConfigError(
            f"{name!r} is not a name for a package;",
            f"it has small letters, digits and underscores, a letter first, no underscore last, at most {_LONGEST};",
            f"try netyard new {near if near and not _taken(near) else 'my_project'}.",
        )
    if reason := _taken(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a package: {reason};",
            "a package has a name that nothing else has;",
            f"try netyard new {name}_project.",
        )
    if os.path.lexists(name):
        raise ConfigError(
            f"there is {'a folder' if Path(name).is_dir() else 'a file'} {name} here already;",
            "a package is written into a new folder;",
            f"remove it, or try netyard new {name}_2.",
        )
    return name


def _taken(name: str) -> str:
    """By what a name is taken; empty where it is free."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a word of Python"
    if name in sys.stdlib_module_names:
        return "Python's own library has a module of that name"
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        return "a package of that name is installed"
    # A folder in the current one is a namespace package to Python; what is said of it is that it is there.
    here = Path(name).absolute()
    spec = find_spec(name)
    if spec is not None and (spec.origin or here not in map(Path, spec.submodule_search_locations or ())):
        return "a module of that name is installed"
    return ""


def _write(name: str, folder: Path) -> None:
    values = {"name": name, "version": __version__}
    for template in sorted(TEMPLATES.rglob(f"*{_SUFFIX}")):
        inside = template.relative_to(TEMPLATES).as_posix().removesuffix(_SUFFIX).replace("NAME", name)
        path = folder / (f".{inside}" if inside in _HIDDEN else inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = _Template(template.read_text(encoding="utf-8")).substitute(values)
        path.write_text(text, encoding="utf-8", newline="\n")


def _checkout() -> str:
    """Where netyard itself was installed from, if that is a folder: an index may not have it."""
    try:
        recorded = importlib.metadata.distribution("netyard").read_text("direct_url.json")
        url = str(json.loads(recorded or "{}").get("url", ""))
    except (importlib.metadata.PackageNotFoundError, ValueError, AttributeError):
        return ""
    folder = Path(url.removeprefix("file://"))
    return str(folder) if url.startswith("file://") and (folder / "pyproject.toml").is_file() else ""


COMMAND = Command(
    name="new",
    does="Write a package of your own, with a network, data and tests to begin with",
    usage="NAME",
    run=new,
    body=(
        (
            "Writes the folder NAME: a network, a data set, an experiment, their options in conf/, tests, a Makefile "
            "and a README. NAME is a name of Python's, in small letters: my_project."
        ),
        (
            "Once it is installed (make setup there, or pip install -e NAME) its options are listed, completed, "
            "checked, trained and swept like netyard's own, and no --allow-target is needed: docs/plugins.md."
        ),
    ),
)
