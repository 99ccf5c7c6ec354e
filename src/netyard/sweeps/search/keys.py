"""Check with Hydra that the keys and options of a search space exist, before any job runs. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException

from netyard.config import flatten
from netyard.config.suggest import did_you_mean, nearest, no_such_key
from netyard.errors import ConfigError
from netyard.io.readable import listed
from netyard.sweeps.search.axes import Axis

CONFIG = "train"  # the name of the primary config, conf/train.yaml


def check(loader: ConfigLoader, fixed: Sequence[str], given: Mapping[str, str], axes: Sequence[Axis]) -> None:
    """Raises:
    ConfigError: an option that its group does not have, or a key that no job of the sweep has.
    """
    composer = _Composer(loader, fixed, given, axes)
    for axis in axes:
        for index, key in enumerate(axis.keys):
            if key.startswith(("+", "~", "hydra")):
                continue  # a new key, a removed one, and Hydra's own, which Hydra checks
            values = [row[index] for row in axis.values]
            if options := composer.options(key.partition("@")[0]):
                _check_options(key, values, options)
                for name in axis.names if axis.parts else ():
                    found = [each[name] for each in map(axis.settings, axis.values) if name in each]
                    if name != key:
                        composer.check_key(axis, name, f"{name}={','.join(found)}")
            else:
                composer.check_key(axis, key, f"{key}={','.join(values) or axis.text}")


def _check_options(group: str, values: Iterable[str], options: Sequence[str]) -> None:
    for value in values:
        if value.startswith(("[", "{")) or value in options:
            continue  # a list of options, as callbacks=[default,ema], is checked when its job is composed
        guess = nearest(value, options)
        raise ConfigError(
            f"there is no {group}={value};",
            did_you_mean(value, options) or f"{group} is one of {listed(options)};",
            f"try {group}={guess[0]}." if guess else f"netyard list {group} prints them all.",
        )


class _Composer:
    """Composes configs of a sweep with Hydra, each combination of options only once."""

    def __init__(
        self, loader: ConfigLoader, fixed: Sequence[str], given: Mapping[str, str], axes: Sequence[Axis]
    ) -> None:
        self.loader, self.fixed, self.given, self.axes = loader, fixed, given, axes
        self._keys: dict[tuple[str, ...], frozenset[str] | None] = {}  # options of a job -> its keys, None if it fails
        self._options: dict[str, list[str]] = {}

    def options(self, group: str) -> list[str]:
        # Hydra copies all configs that plugins have registered whenever it lists a group, and every job asks.
        if group not in self._options:
            self._options[group] = self.loader.get_group_options(group, results_filter=ObjectType.CONFIG)
        return self._options[group]

    def check_key(self, axis: Axis, key: str, line: str) -> None:
        """Raise unless some job with this axis has the key. If a config cannot be composed, the key is accepted."""
        seen: set[str] = set()
        for job in self._jobs(axis, key.partition(".")[0]):
            if job not in self._keys:
                self._keys[job] = self._compose(job)
            keys = self._keys[job]
            if keys is None or key in keys:
                return  # a combination that cannot be composed fails as a job, with the full message
            seen |= keys
        raise no_such_key(key, line, sorted(name for name in seen if not name.startswith("hydra")))

    def _jobs(self, wanted: Axis, group: str) -> Iterator[tuple[str, ...]]:
        """Options of some jobs with an axis: the first of each group, then each option that may add the key."""
        needed: dict[str, tuple[str, ...]] = {}
        for axis in reversed(self.axes):  # an axis follows those that its condition names
            if axis is wanted or {*axis.names} & {*needed}:
                needed |= dict(axis.when)  # conditions of conditions too
        yield self._choices(needed, {})
        for axis in self.axes:
            # Which keys `model` has depends on the option of the group `model`; an experiment may add keys anywhere.
            if {group, "experiment"} & {*axis.names} and not {*axis.names} & {*needed}:
                for row in axis.values:
                    yield self._choices(needed, axis.settings(row))

    def _choices(self, needed: Mapping[str, tuple[str, ...]], preferred: Mapping[str, str]) -> tuple[str, ...]:
        chosen, job = dict(self.given), []
        for axis in self.axes:
            rows = [axis.settings(row) for row in axis.values]
            # An interval has no rows; its numbers choose no options.
            if not rows or not axis.applies(chosen):
                continue
            fitting = [row for row in rows if all(row[name] in needed[name] for name in row if name in needed)]
            row = next((row for row in fitting if row.items() & preferred.items()), (fitting or rows)[0])
            chosen |= row
            # Only options: which keys there are does not depend on values, so that fewer configs have to be composed.
            job += [f"{name}={row[name]}" for name in row if self.options(name)]
        return tuple(job)

    def _compose(self, choices: Sequence[str]) -> frozenset[str] | None:
        try:
            cfg = self.loader.load_configuration(CONFIG, [*self.fixed, *choices], RunMode.RUN)
        except (HydraException, OmegaConfBaseException):
            return None
        return frozenset(flatten.keys(cfg))
