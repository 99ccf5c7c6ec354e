"""The options of each group, and the file that each comes from. Imports no torch.

A family file (``conf/family/resnet.yaml``) has the arguments that its variants share, and a table of variants, as in
the paper; each row becomes an ordinary Hydra option, ``model=resnet50``. Models may also have single files in
``conf/model/``, as a user's own in ``--config-dir`` do.
"""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import DictConfig, OmegaConf

from netyard import plugins
from netyard.errors import ArgumentError, ConfigError

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
_ABOUT = ("variants", "epochs_factor")  # keys of a family file that are no arguments of its class
LISTS = ("callbacks",)
"""Groups of which several options can be chosen, in a list."""


@cache
def conf_dir() -> Path:
    """The folder of netyard's configs: ``netyard/conf`` in an installed wheel, ``conf/`` at the root of a checkout."""
    # A wheel has conf/ inside of the package; a checkout, also an editable install, has it beside src/.
    package = Path(__file__).resolve().parents[1]
    return next(path for path in (package / "conf", package.parents[1] / "conf") if path.is_dir())


class Source(NamedTuple):
    """A folder of configs, and the name of the package that it belongs to."""

    name: str
    folder: Path


def sources() -> tuple[Source, ...]:
    """netyard's own ``conf/``, and after it those of the installed packages that extend netyard."""
    return (Source("netyard", conf_dir()), *(Source(each.name, each.conf) for each in plugins.usable()))


# Cached by the sources below, not by name alone: another sys.path has other packages.
def families() -> dict[str, dict[str, Any]]:
    """The content of every family file, by name."""
    return _families(sources())


def variants() -> dict[str, dict[str, Any]]:
    """The config node of every ``model=`` name that a family offers, in the order of the files.

    Raises:
        ArgumentError: two families of one package offer one name.
    """
    return _variants(sources())


@cache
def _families(found: tuple[Source, ...]) -> dict[str, dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    nodes: dict[str, dict[str, Any]] = {}
    for source in found:
        for path in sorted((source.folder / "family").glob("*.yaml")):
            # Of two with one name the first is kept; ``require_distinct`` refuses them before anything is composed.
            if path.stem not in nodes:
                nodes[path.stem] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return nodes


@cache
def _variants(found: tuple[Source, ...]) -> dict[str, dict[str, Any]]:
    nodes: dict[str, dict[str, Any]] = {}
    home: dict[str, str] = {}  # variant -> its family
    own = _families(found[:1])
    for family, node in _families(found).items():
        shared = {key: value for key, value in node.items() if key not in _ABOUT}
        for name, arguments in node["variants"].items():
            # Only for netyard's own files: a fault of another package is reported by `plugins`.
            if name in home and family in own:
                raise ArgumentError(
                    f"families {home[name]} and {family} both offer model={name};",
                    "a name belongs to one family;",
                    "rename one of them.",
                )
            if name not in home:
                home[name] = family
                # The row of a variant may be empty: model: {}
                own_keys = {key: value for key, value in (arguments or {}).items() if key not in _ABOUT}
                nodes[name] = {**shared, **own_keys}
    return nodes


def epochs_factor(model: str) -> float:
    """How many times the epochs of its data a network needs, as its family or its row says; 1 if neither does."""
    node = next((node for node in families().values() if model in node["variants"]), {})
    row = node.get("variants", {}).get(model) or {}
    return float(row.get("epochs_factor", node.get("epochs_factor", 1)))


def require_distinct() -> None:
    """Refuse an installed package that has an option of netyard's: Hydra would silently take one of the two.

    Of two installed packages with one option, ``netyard.plugins`` leaves out the second.

    Raises:
        ConfigError: netyard and an installed package have an option or a file of one name.
    """
    if clash := _clash(sources()):
        raise clash


@cache
def _clash(found: tuple[Source, ...]) -> ConfigError | None:
    offered: dict[str, Source] = {}  # option or file -> the package that has it first
    for source in found if len(found) > 1 else ():  # without other packages no file has to be listed
        files = {path.relative_to(source.folder).with_suffix("").as_posix() for path in source.folder.rglob("*.yaml")}
        models = {f"model/{name}" for name in _variants((Source(source.name, source.folder),))}
        for place in sorted(files | models):
            # "model/mlp" stands for a variant as well as for a file of that name.
            if (first := offered.setdefault(place, source)) is source:
                continue
            group, _, name = place.partition("/")
            # As it is typed, if it is an option of a group; otherwise as a file.
            what = f"{group}={name}" if group in GROUPS and "/" not in name else f"{place}.yaml"
            pip = next(each.distribution for each in plugins.usable() if each.name == source.name)
            return ConfigError(
                f"packages {first.name} and {source.name} both offer {what};",
                "a name belongs to one package;",
                f"rename it in {source.folder}, or pip uninstall {pip}.",
            )
    return None


def family_of(model: str) -> str | None:
    """The family of a model, or None if it has a single file."""
    return next((family for family, node in families().items() if model in node["variants"]), None)


def options(group: str, pattern: str = "*") -> list[str]:
    """The options of a group that match a glob: its files, and for ``model`` the families' variants too."""
    names = {path.stem for source in sources() for path in (source.folder / group).glob("*.yaml")}
    if group == "model":
        names |= set(variants())
    return sorted(name for name in names if fnmatch(name, pattern))


def owner(group: str, name: str) -> str:
    """The package that has an option: ``netyard``, or one that extends it."""
    path = file_of(group, name)
    return next((source.name for source in sources() if path and path.is_relative_to(source.folder)), "netyard")


def option_file(group: str, name: str) -> dict[str, Any]:
    """The content of an option's file, as written: without resolved interpolations and without its defaults.

    It is shared by all callers, who may not change it.
    """
    if group == "model" and name in variants():  # a variant has no file of its own
        return variants()[name]
    path = file_of(group, name)
    return _content(path, path.stat().st_mtime_ns) if path else {}


@cache
def _content(path: Path, changed: int) -> dict[str, Any]:
    # A word that is no key is looked up in every option of its group, and PyYAML takes 5 ms for a file.
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def headline(group: str, name: str) -> str:
    """The first comment in the file of an option, which describes it in lists."""
    path = file_of(group, name)
    lines = path.read_text(encoding="utf-8").splitlines() if path else []
    # "# @package _global_" is an instruction to Hydra.
    comments = (line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")


def file_of(group: str, name: str) -> Path | None:
    """The file of an option, or of the family of a variant; None if there is no such option."""
    family = family_of(name) if group == "model" else None
    inside = Path("family" if family else group, f"{family or name}.yaml")
    return next((path for source in sources() if (path := source.folder / inside).is_file()), None)


def parameters() -> dict[str, int]:
    """The number of parameters of each model with 1000 classes of 3x224x224 images, including auxiliary classifiers.

    Published numbers where there are any; tests count all of them.
    """
    return _parameters(sources())


@cache
def _parameters(found: tuple[Source, ...]) -> dict[str, int]:
    # Reversed, so that netyard's own numbers win over those of another package.
    files = (path for source in reversed(found) if (path := source.folder / "parameters.csv").is_file())
    return {model: count for path in files for model, count in plugins.counts(path).items()}


def register() -> None:
    """Add every variant to Hydra's ConfigStore, so that ``model=`` works, is completed and matches globs like a file.

    Raises:
        ConfigError: see ``require_distinct``.
    """
    require_distinct()
    group = ConfigStore.instance().repo.setdefault("model", {})
    # The installed packages may have changed since the last call: options of a removed package are deleted.
    wanted = {f"{name}.yaml": _Variant(name, node) for name, node in variants().items()}
    for name in [name for name, each in group.items() if isinstance(each, _Variant) and name not in wanted]:
        del group[name]
    group.update(wanted)


class _Variant(ConfigNode):
    """A variant in Hydra's store. It becomes a DictConfig only when it is chosen: a hundred of them take 1/8 second."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        self.name, self.group, self.package, self.provider = f"{name}.yaml", "model", None, "netyard"
        self.arguments = arguments

    def __deepcopy__(self, memo: dict[int, Any]) -> _Variant:
        # Hydra 1.3 copies the whole store for each group that --hydra-help prints; with the nodes that takes two
        # seconds.
        return _Variant(self.name.removesuffix(".yaml"), self.arguments)

    @cached_property
    def node(self) -> DictConfig:  # type: ignore[override]
        return OmegaConf.create(self.arguments)
