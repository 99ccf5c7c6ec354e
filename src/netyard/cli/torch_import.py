"""Import torch, and modules that need it, only in commands that use it. Imports no torch."""

from __future__ import annotations

import atexit
import contextlib
import gc
import re
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version

from netyard.errors import PlatformError, first_line

# Of requirements that are not installed, so that their metadata do not say it.
_NAMES_FOR_PIP = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "hydra": "hydra-core",
    "pygame": "pygame-ce",
}
# Packages that have to fit each other.
_FITTING = ("torch", "torchvision", "lightning", "timm")


@contextlib.contextmanager
def torch() -> Iterator[None]:
    """Inside, imports run without garbage collection, and their objects are never scanned afterwards.

    Collection would take a seventh of the import time: half a million objects are scanned again and again, and all
    of them live until the process ends. If torch is imported already, it goes on.

    Raises:
        PlatformError: a package cannot be imported, as a torchvision that was built for another torch.
    """
    if "torch" in sys.modules:  # in a notebook, freezing would keep the user's own objects alive
        with _installed():
            yield
        return
    gc.disable()
    try:
        with _installed():
            yield
    finally:
        gc.freeze()  # to a generation that is never collected
        atexit.register(gc.unfreeze)  # otherwise Triton's library prints a long leak report at exit
        gc.enable()


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except (ImportError, OSError, RuntimeError) as error:
        if (package := culprit(error)) is None:
            raise  # a bug in netyard
        raise unusable(package, error) from error


def unusable(package: str, error: BaseException) -> PlatformError:
    """The error of an installed package that cannot be imported."""
    given = f"{package} cannot be imported: {first_line(error).rstrip('.;')};"
    if package in ("torch", "torchvision"):
        here = ", ".join(f"{name} {found}" for name in _FITTING if (found := _version(name)))
        return PlatformError(
            given,
            f"installed are {here}, which have to fit each other;",
            "type pip install --force-reinstall torch torchvision, with one index for both.",
        )
    absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
    if extra := _extra_of(package):
        return PlatformError(
            given,
            f"it is of the extra {extra};",
            f"type pip install {'' if absent else '--force-reinstall '}'netyard[{extra}]'.",
        )
    again = "" if absent else "--force-reinstall "
    return PlatformError(given, "this command needs it;", f"type pip install {again}{_distribution(package)}.")


def _distribution(package: str) -> str:
    """The name for pip of a package that is imported: ``sklearn`` -> ``scikit-learn``."""
    found = packages_distributions().get(package)
    return found[0] if found else _NAMES_FOR_PIP.get(package, package)


def _extra_of(package: str) -> str | None:
    """The extra of netyard that has a package, by the names of both; None if none has it."""
    try:
        texts = requires("netyard") or []
    except PackageNotFoundError:
        return None
    for text in texts:
        name, _, marker = text.partition(";")
        if extra := re.search(r"extra == ['\"]([\w-]+)['\"]", marker):
            called = re.match(r"[\w.-]+", name)
            if (
                called
                and called[0].lower().replace("-", "_") == package.lower()
                and extra[1] not in ("dev", "campaign")
            ):
                return extra[1]
    return None


def culprit(error: BaseException) -> str | None:
    """The package that raised the error, or that is missing or incomplete; None if it is netyard."""
    if isinstance(error, ImportError) and error.name:
        return None if error.name.startswith("netyard") else error.name.partition(".")[0]
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    last = next((number for number, name in reversed([*enumerate(modules)]) if name.startswith("netyard.")), -1)
    outside = [name.partition(".")[0] for name in modules[last + 1 :]]
    # The innermost package, except for torch, which raises what is wrong with an extension of it, as torchvision.
    named = [name for name in outside if name not in sys.stdlib_module_names and not name.startswith("_frozen")]
    return next(reversed([name for name in named if name != "torch"] or named), None)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
