"""Check the machine for ``netyard doctor``: versions, devices, folders to write to, optional extras."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from packaging.requirements import Requirement

from netyard import plugins
from netyard.cli.torch_import import culprit, unusable
from netyard.errors import PlatformError
from netyard.io.readable import format_bytes
from netyard.io.version import __version__

SCARCE = 1e9  # bytes; less is not enough for a few checkpoints of a large network
# Folders that some distributions install by mistake.
_NOT_IMPORTED = {"tests", "test", "docs", "examples", "benchmarks"}
DEVELOPMENT = ("dev", "campaign", "mutants")  # extras for developing netyard, not for using it
# Versions that a bug report needs; unmet requirements are always shown.
SHOWN = ("torch", "torchvision", "lightning", "hydra-core", "tensorboard", "timm")


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``ok``, ``note`` (optional), or ``missing`` (a run needs it)."""

    kind: str
    text: str


def examine(outputs: Path, data: Path) -> list[Finding]:
    """All findings about this machine, in the order in which they are printed.

    Args:
        outputs, data: the folders to which runs and data sets are written.
    """
    return [
        *_versions(),
        *_devices(),
        *_place("outputs", outputs),
        *_place("data", data),
        *_shared_memory(),
        *_extras(),
        *_packages(),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding("ok", f"netyard {__version__}, python {platform.python_version()}, {platform.platform()}")
    shown = [f"{name} {version}" for name in SHOWN if (version := _version(name))]
    # Requirements with a marker of this platform or Python; those of extras evaluate to false here.
    needed = [each for each in _requirements() if not each.marker or each.marker.evaluate()]
    # Each once: what one package lacks, others that import it report, too.
    faults = dict.fromkeys(fault for each in _with_extras(needed) for fault in _faults(each))
    for fault in faults:
        yield Finding("missing", fault)
    if not faults:
        yield Finding("ok", ", ".join(shown))


def _faults(wanted: Requirement) -> list[str]:
    """What is wrong with a requirement: it is not there, or it cannot be imported."""
    if unmet := _unmet(wanted):
        return [unmet]
    # A package can be there and yet not be usable, as a torchvision that was built for another torch.
    return [str(error) for name in modules_of(wanted.name) if (error := _import_error(name)) is not None]


def _import_error(module: str) -> PlatformError | None:
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as error:  # whatever its code raises
        return unusable(culprit(error) or module, error)
    return None


def modules_of(distribution: str) -> list[str]:
    """The modules that an installed distribution brings, by the files it lists: ``scikit-learn`` -> ``sklearn``."""
    found: set[str] = set()
    for path in importlib.metadata.files(distribution) or ():
        top = path.parts[0]
        if path.name == "__init__.py" and len(path.parts) > 1:
            # A namespace package is shared, and says nothing about the part that this distribution brings.
            found.add(".".join(path.parts[:2]) if top == "hydra_plugins" and len(path.parts) > 2 else top)
        elif len(path.parts) == 1 and path.suffix == ".py":
            found.add(path.stem)
    names = {name for name in found if all(part.isidentifier() for part in name.split(".")) and name[0] != "_"}
    plain = distribution.lower().replace("-", "_")
    # Of several the one of its name: others are its tools, as torch's functorch.
    return sorted({name for name in names if name.lower().rpartition(".")[2] == plain} or names - _NOT_IMPORTED)


def _devices() -> Iterator[Finding]:
    # The cores that this process may use: a cluster or taskset may allow fewer than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", f"cpu: {cores} core(s) for this process")
    if not hasattr(torch, "cuda"):  # a folder that an interrupted installation has left behind
        yield Finding("missing", str(unusable("torch", ImportError("it is incomplete"))))
        return
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        # A device that is listed may still fail: another architecture than torch was built for, or no memory left.
        try:
            torch.ones(64, 64, device=f"cuda:{number}").square().sum().item()
        except (RuntimeError, AssertionError) as error:
            yield Finding("missing", f"cuda:{number}, {about.name}, does not compute: {str(error).splitlines()[0]}")
        else:
            yield Finding("ok", f"cuda:{number}: {about.name}, {format_bytes(about.total_memory)}")
    if torch.backends.mps.is_available():
        yield Finding("ok", "mps: an Apple GPU")
    if not torch.cuda.is_available() and shutil.which("nvidia-smi"):
        built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU only"
        yield Finding("note", f"there is an NVIDIA driver, but torch, built {built}, finds no GPU")


def _place(name: str, path: Path) -> Iterator[Finding]:
    """Whether a file can be written there, by writing one, and how much space is free."""
    # The nearest folder that exists: the rest would be created by the first run.
    standing = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    variable = f"NETYARD_{name.upper()}"
    try:
        # Not os.access, which is wrong for root, network file systems and read-only mounts.
        with tempfile.TemporaryFile(dir=standing):
            pass
    except OSError as error:
        yield Finding("missing", f"{name}: nothing can be written to {path} ({error.strerror}); try {variable}=FOLDER")
        return
    free = shutil.disk_usage(standing).free
    if free < SCARCE:
        yield Finding("missing", f"{name}: {format_bytes(free)} free at {path}; make room, or try {variable}=FOLDER")
    else:
        yield Finding("ok", f"{name}: {path}, {format_bytes(free)} free")


def _shared_memory() -> Iterator[Finding]:
    # DataLoader workers send batches through shared memory; Docker's default is 64 MB.
    place = Path("/dev/shm")
    if place.is_dir() and (total := shutil.disk_usage(place).total) < 128e6:
        yield Finding(
            "note", f"shared memory is {format_bytes(total)}: data.num_workers above 0 may need --shm-size=1g"
        )


def _extras() -> Iterator[Finding]:
    """Whether the packages of each extra, ``pip install 'netyard[NAME]'``, are installed."""
    # Read from the installed metadata, where pyproject.toml need not be present.
    extras = importlib.metadata.metadata("netyard").get_all("Provides-Extra") or [] if _version("netyard") else []
    for extra in (each for each in extras if each not in DEVELOPMENT):
        wanted = [each for each in _requirements() if each.marker and each.marker.evaluate({"extra": extra})]
        wanted = _with_extras(wanted)
        lacking = [each.name for each in wanted if _unmet(each)]
        if lacking:
            yield Finding("note", f"extra {extra}: {', '.join(lacking)} not here; pip install 'netyard[{extra}]'")
            continue
        broken = dict.fromkeys(fault for each in wanted for fault in _faults(each))
        yield from (Finding("note", f"extra {extra}: {fault}") for fault in broken)
        if not broken:
            yield Finding("ok", f"extra {extra}")


def _packages() -> Iterator[Finding]:
    """The packages that extend netyard."""
    for plugin in plugins.usable():
        yield Finding("ok", f"package {plugin}: {plugin.conf}")
    for fault in plugins.faults():
        yield Finding("note", str(fault))


def _requirements() -> list[Requirement]:
    """The requirements of the installed netyard; none if it runs from source without being installed."""
    return [Requirement(text) for text in importlib.metadata.requires("netyard") or []] if _version("netyard") else []


def _with_extras(wanted: list[Requirement]) -> list[Requirement]:
    """With what the extras of these require, as Box2D for ``gymnasium[box2d]``."""
    found = list(wanted)
    for each in wanted:
        # netyard's own extras are looked at one by one.
        for text in importlib.metadata.requires(each.name) or [] if each.extras and _version(each.name) else []:
            marker = (needed := Requirement(text)).marker
            if marker and any(marker.evaluate({"extra": name}) for name in each.extras) and not marker.evaluate():
                found.append(needed)
    return found


def _unmet(wanted: Requirement) -> str:
    found = _version(wanted.name)
    if found is None:
        return f"{wanted.name} is not installed; pip install '{wanted.name}{wanted.specifier}'"
    # prereleases=True: a nightly build of torch is newer than any release that is asked for.
    if not wanted.specifier.contains(found, prereleases=True):
        return (
            f"{wanted.name} is {found}, and {wanted.specifier} is needed; pip install '{wanted.name}{wanted.specifier}'"
        )
    return ""


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
