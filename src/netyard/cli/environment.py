"""What a run would find here: versions, devices, places to write, optional extras."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from packaging.requirements import Requirement

from netyard import plugins
from netyard.io.readable import format_bytes
from netyard.io.version import __version__

SCARCE = 1e9  # bytes free: a few checkpoints of a large network
DEVELOPMENT = ("dev", "campaign", "mutants")  # extras for work on netyard itself
SHOWN = ("torch", "torchvision", "lightning", "hydra-core", "tensorboard", "timm")


@dataclass(frozen=True)
class Finding:
    """One line: ``ok``, ``note`` of what may be wanted, or ``missing`` of what a run needs."""

    kind: str
    text: str


def examine(outputs: Path, data: Path) -> list[Finding]:
    """Everything about this machine, in the order it is told.

    Args:
        outputs, data: where runs and data sets are written to.
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
    faults = [fault for each in _requirements() if not each.marker or each.marker.evaluate() if (fault := _unmet(each))]
    for fault in faults:
        yield Finding("missing", fault)
    if not faults:
        yield Finding("ok", ", ".join(shown))


def _devices() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", f"cpu: {cores} core(s) for this process")
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        try:
            torch.ones(64, 64, device=f"cuda:{number}").square().sum().item()
        except (RuntimeError, AssertionError) as error:
            yield Finding("missing", f"cuda:{number}, {about.name}, does not compute: {str(error).splitlines()[0]}")
        else:
            yield Finding("ok", f"cuda:{number}: {about.name}, {format_bytes(about.total_memory)}")
    if torch.backends.mps.is_available():
        yield Finding("ok", "mps: a GPU of Apple's")
    if not torch.cuda.is_available() and shutil.which("nvidia-smi"):
        built = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for the CPU alone"
        yield Finding("note", f"there is an NVIDIA driver, and torch, built {built}, finds no GPU by it")


def _place(name: str, path: Path) -> Iterator[Finding]:
    """Whether a file can be written there, by writing one, and how much would fit."""
    standing = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    variable = f"NETYARD_{name.upper()}"
    try:
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
    place = Path("/dev/shm")
    if place.is_dir() and (total := shutil.disk_usage(place).total) < 128e6:
        yield Finding(
            "note", f"shared memory is {format_bytes(total)}: data.num_workers above 0 may need --shm-size=1g"
        )


def _extras() -> Iterator[Finding]:
    """What ``pip install 'netyard[NAME]'`` would add, but for working on netyard itself."""
    extras = importlib.metadata.metadata("netyard").get_all("Provides-Extra") or [] if _version("netyard") else []
    for extra in (each for each in extras if each not in DEVELOPMENT):
        wanted = [each for each in _requirements() if each.marker and each.marker.evaluate({"extra": extra})]
        lacking = [each.name for each in wanted if _unmet(each)]
        if lacking:
            yield Finding("note", f"extra {extra}: {', '.join(lacking)} not here; pip install 'netyard[{extra}]'")
        else:
            yield Finding("ok", f"extra {extra}")


def _packages() -> Iterator[Finding]:
    """The packages that extend netyard."""
    for plugin in plugins.usable():
        yield Finding("ok", f"package {plugin}: {plugin.conf}")
    for fault in plugins.faults():
        yield Finding("note", str(fault))


def _requirements() -> list[Requirement]:
    """Of the installed package; none where it runs from its source alone."""
    return [Requirement(text) for text in importlib.metadata.requires("netyard") or []] if _version("netyard") else []


def _unmet(wanted: Requirement) -> str:
    found = _version(wanted.name)
    if found is None:
        return f"{wanted.name} is not installed; pip install '{wanted.name}{wanted.specifier}'"
    if not wanted.specifier.contains(found, prereleases=True):
        return (
            f"{wanted.name} is {found}, and {wanted.specifier} is wanted; pip install '{wanted.name}{wanted.specifier}'"
        )
    return ""


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
