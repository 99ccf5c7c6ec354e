"""The catalogue: what can be chosen, and from which file each choice comes. Knows no torch.

A family file (``conf/family/resnet.yaml``) holds the arguments its members share and a table of variants, as the paper
prints it; each row becomes an ordinary Hydra option, ``model=resnet50``. Single files in ``conf/model/`` (a user's own,
through ``--config-dir``) stand beside them.
"""

from __future__ import annotations

import csv
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import DictConfig, OmegaConf

from netyard.errors import ArgumentError

GROUPS = (
    "model",
    "data",
    "task",
    "loss",
    "optimizer",
    "scheduler",
    "augmentation",
    "trainer",
    "callbacks",
    "logger",
    "experiment",
    "sweep",
    "debug",
)


def conf_dir() -> Path:
    """The configuration tree: ``netyard/conf`` in an installed wheel, ``conf/`` at the root of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(path for path in (package / "conf", package.parents[1] / "conf") if path.is_dir())


@cache
def families() -> dict[str, dict[str, Any]]:
    """Every family file, by name."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return {
        path.stem: yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
        for path in sorted((conf_dir() / "family").glob("*.yaml"))
    }


@cache
def variants() -> dict[str, dict[str, Any]]:
    """The config node of every ``model=`` name that a family offers, in the order of the files.

    Raises:
        ArgumentError: two families offer one name.
    """
    nodes: dict[str, dict[str, Any]] = {}
    home: dict[str, str] = {}
    for family, node in families().items():
        shared = {key: value for key, value in node.items() if key != "variants"}
        for name, arguments in node["variants"].items():
            if name in home:
                raise ArgumentError(
                    f"families {home[name]} and {family} both offer model={name};",
                    "a name belongs to one family;",
                    "rename one of them.",
                )
            home[name] = family
            nodes[name] = {**shared, **(arguments or {})}
    return nodes


def family_of(model: str) -> str | None:
    """The family that offers a model name, or None for a single file's."""
    return next((family for family, node in families().items() if model in node["variants"]), None)


def options(group: str, pattern: str = "*") -> list[str]:
    """The names a group offers that match a glob: its files, and for ``model`` the families' variants."""
    names = {path.stem for path in (conf_dir() / group).glob("*.yaml")}
    if group == "model":
        names |= set(variants())
    return sorted(name for name in names if fnmatch(name, pattern))


def option_file(group: str, name: str) -> dict[str, Any]:
    """The node a group's option holds, as written: interpolations and defaults are not followed."""
    if group == "model" and name in variants():
        return variants()[name]
    path = conf_dir() / group / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}


def headline(group: str, name: str) -> str:
    """The comment that opens the file of an option."""
    family = family_of(name) if group == "model" else None
    path = conf_dir() / ("family" if family else group) / f"{family or name}.yaml"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    comments = (line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")


@cache
def parameters() -> dict[str, int]:
    """How many parameters a model has at 1000 classes of 3x224x224 images, auxiliary classifiers included.

    The published numbers, and those of the tests, which count them again.
    """
    with (conf_dir() / "parameters.csv").open(newline="", encoding="utf-8") as file:
        return {row["model"]: int(row["parameters"]) for row in csv.DictReader(file)}


@cache
def register() -> None:
    """Put every variant into Hydra's ConfigStore, so that ``model=`` composes, completes and globs like a file."""
    group = ConfigStore.instance().repo.setdefault("model", {})
    group.update({f"{name}.yaml": _Variant(name) for name in variants()})


class _Variant(ConfigNode):
    """A variant in Hydra's store, made into a config when it is chosen: a hundred would be an eighth of a second."""

    def __init__(self, name: str) -> None:
        self.name, self.group, self.package, self.provider = f"{name}.yaml", "model", None, "netyard"

    def __deepcopy__(self, memo: dict[int, Any]) -> _Variant:
        # Hydra 1.3 copies the whole store once for each group that --hydra-help prints: two seconds, were the nodes
        # copied with it.
        return _Variant(self.name.removesuffix(".yaml"))

    @cached_property
    def node(self) -> DictConfig:  # type: ignore[override]
        return OmegaConf.create(variants()[self.name.removesuffix(".yaml")])
