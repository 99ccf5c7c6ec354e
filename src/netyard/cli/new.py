"""``netyard new NAME``: write a small package that extends netyard. Imports no torch."""

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
"""The files to write: their names end in .template, and NAME in a path stands for the name of the package."""
_SUFFIX = ".template"
_HIDDEN = ("gitignore",)  # stored without its dot: git would apply it to the templates themselves
# Valid both as a module name and as a distribution name.
_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?", re.ASCII)
_LONGEST = 60  # characters: options are named after the package, and file names have limits


class _Template(string.Template):
    """Placeholders are ``%{name}``, because a dollar has a meaning in YAML with OmegaConf and in make."""

    delimiter = "%"


def new(arguments: Sequence[str]) -> str:
    """Write the package into a folder of its name, completely or not at all; returns the text to print.

    Raises:
        ConfigError: no name was given, or it cannot be used.
    """
    if len(arguments) != 1:
        raise ConfigError(
            f"{len(arguments)} names were given;" if arguments else "no name was given;",
            "a package has one, which is its folder's too;",
            "type netyard new my_project.",
        )
    name = require_name(arguments[0])
    folder = Path(name)
    # Written beside its final place and renamed: the folder appears with all files, or not at all.
    draft = Path(f".{name}.{os.getpid()}.draft")
    draft.mkdir()
    try:
        _write(name, draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # after the rename there is nothing to remove
    source = _checkout()
    setup = f"make setup NETYARD={source}" if source else "make setup"
    return (
        f"{folder}/ is a package with a network, a data set and an experiment; its README.md explains the files.\n\n"
        f"  cd {folder}\n"
        f"  {setup}     # or, to use this environment: pip install -e .\n"
        f"  make test\n"
        f"  make train"
    )


def require_name(name: str) -> str:
    """Return the name.

    Raises:
        ConfigError: it is not a valid package name, or it is taken.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        # A valid name near the given one, for the message.
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:_LONGEST].rstrip("_")
        raise ConfigError(
            f"{name!r} is not a name for a package;",
            f"names have a-z, 0-9 and _, a letter first, no underscore last, and at most {_LONGEST} characters;",
            f"try netyard new {near if near and not _taken(near) else 'my_project'}.",
        )
    if reason := _taken(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a package: {reason};",
            "the name of a package must be unique;",
            f"try netyard new {name}_project.",
        )
    if os.path.lexists(name):  # also a broken link, over which the rename would fail
        raise ConfigError(
            f"there is {'a folder' if Path(name).is_dir() else 'a file'} {name} here already;",
            "a package is written into a new folder;",
            f"remove it, or try netyard new {name}_2.",
        )
    return name


def _taken(name: str) -> str:
    """Why a name is taken; empty if it is free."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a keyword of Python"
    if name in sys.stdlib_module_names:
        return "Python's standard library has a module of that name"
    # By distribution and by module: scikit-learn is imported as sklearn, and both names are taken.
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        return "a package of that name is installed"
    # Python finds a plain folder here as a namespace package; require_name refuses it with a better message.
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
    """The checkout that netyard was installed from, or an empty text: a package index may not have netyard."""
    try:
        # PEP 610: pip and uv record the URL of an install that is not from an index.
        recorded = importlib.metadata.distribution("netyard").read_text("direct_url.json")
        url = str(json.loads(recorded or "{}").get("url", ""))
    except (importlib.metadata.PackageNotFoundError, ValueError, AttributeError):
        return ""
    folder = Path(url.removeprefix("file://"))
    return str(folder) if url.startswith("file://") and (folder / "pyproject.toml").is_file() else ""


COMMAND = Command(
    name="new",
    does="Create a package of your own, with an example network, data set and tests",
    usage="NAME",
    run=new,
    body=(
        (
            "Writes the folder NAME: a network, a data set, an experiment, their options in conf/, tests, a Makefile "
            "and a README. NAME is a Python name in lower case: my_project."
        ),
        (
            "Once it is installed (make setup there, or pip install -e NAME) its options are listed, completed, "
            "checked, trained and swept like netyard's own, and no --allow-target is needed: netyard help "
            "docs/plugins.md."
        ),
    ),
)
