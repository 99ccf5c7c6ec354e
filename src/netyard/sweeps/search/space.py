"""The search space of a sweep: fixed overrides and axes, from Hydra's override grammar and YAML. Imports no torch."""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError
from netyard.sweeps.search import axes as forms
from netyard.sweeps.search import keys
from netyard.sweeps.search.axes import Axis


class Space:
    """The possible jobs of a sweep, each a list of overrides: first the fixed ones, then a value for each axis.

    A job has no override for an axis whose condition does not hold in it. Conditional axes come after the axes that
    their conditions are about.
    """

    def __init__(self, fixed: Sequence[str], axes: Sequence[Axis], given: Mapping[str, str] | None = None) -> None:
        """``given`` has the values of the keys that ``fixed`` sets, to which conditions and studies are compared."""
        self.fixed = list(fixed)
        self._axes = list(axes)
        self.given = dict(given or {})

    @classmethod
    def parse(
        cls,
        parser: OverridesParser,
        params: Mapping[str, Any],
        when: Mapping[str, Mapping[str, Any]],
        together: Sequence[Mapping[str, Sequence[Any]]],
        arguments: Sequence[str],
    ) -> Space:
        """Read a search space. For a key that is in both, the command line replaces the file.

        Args:
            params: axes, or fixed values, by key.
            when: axes by the choice they go with: ``{"optimizer=rmsprop": {"optimizer.momentum": "0,0.9"}}``. ``a=1,2``
                is either value, ``a=1 and b=2`` both choices.
            together: lists of values by key, which change together.
            arguments: the overrides of the command line; those with several values are axes.

        Raises:
            ConfigError: a key or option that does not exist; values or a condition that cannot be read.
        """
        words = parser.parse_overrides(list(arguments))
        _refuse_lost(words)
        typed = {name: override for override in words for name in forms.names(override)}
        read = {key: forms.parse(parser, key, value) for key, value in _flat(_plain(params)).items()}
        # By key without its "+": `+a=1` on the command line replaces `a` of a file. A mapping replaces no other one.
        overrides = {forms.names(override): override for override in [*read.values(), *words]}
        sweeping = [override for override in overrides.values() if override.is_sweep_override()]
        fixed = [override for override in overrides.values() if not override.is_sweep_override()]
        given = {name: text for override in fixed for name, text in forms.settings(override).items()}
        axes = [*map(forms.axis, sweeping), *_zipped(parser, _plain(together), typed)]
        _refuse_hidden(axes, typed)
        axes = _ordered(axes, _conditional(parser, _plain(when), typed), given, typed)
        lines = [str(override.input_line) for override in fixed]
        if parser.config_loader is not None:  # tests parse without one
            keys.check(parser.config_loader, lines, given, axes)
        return cls(lines, axes, given)

    @property
    def axes(self) -> list[str]:
        """Every key that varies, in order."""
        return list(dict.fromkeys(name for axis in self._axes for name in axis.names))

    @property
    def conditional(self) -> bool:
        """Whether some axes exist in some jobs only."""
        return any(axis.when for axis in self._axes)

    @property
    def texts(self) -> list[str]:
        """Every override and value, as written in a job."""
        return [*self.fixed, *(value for axis in self._axes for row in axis.values for value in row)]

    @property
    def discrete(self) -> bool:
        """Whether the number of jobs is finite."""
        return all(axis.values for axis in self._axes)

    def describe(self) -> dict[str, str]:
        """The space as text: equal for equal spaces, the order of the jobs included."""
        return {
            "fixed": shlex.join(self.fixed),  # quoted, so that different lists never give the same text
            "axes": ", ".join(axis.label for axis in self._axes),  # their order decides which job has which number
            **{axis.label: axis.text for axis in self._axes},
        }

    def grid(self) -> list[list[str]]:
        """Every job; the first axis varies slowest.

        Raises:
            ConfigError: an axis is an interval, which has infinitely many values.
        """
        for axis in self._axes:
            if not axis.values:
                raise ConfigError(
                    f"{axis.names[0]} is {axis.text}, and the sweep is a grid;",
                    "a grid needs lists of values: a,b,c or choice(...) or range(...);",
                    f"try hydra/sweeper=random or hydra/sweeper=optuna, or {axis.names[0]}=0.1,0.01.",
                )
        return list(self._walk(0, self.given, []))

    def sample(self, rng: random.Random) -> list[str]:
        """A random job. Every value of an axis is equally likely, however many conditional axes depend on it."""
        return self._job(lambda axis: axis.draw(rng))

    def suggest(self, trial: Any) -> list[str]:
        """The job that an Optuna trial suggests; axes are defined while they are sampled (define-by-run)."""
        return self._job(lambda axis: axis.suggest(trial))

    def _job(self, choose: Callable[[Axis], tuple[str, ...]]) -> list[str]:
        chosen, job = dict(self.given), list(self.fixed)
        for axis in self._axes:
            if axis.applies(chosen):  # its condition is about axes that come before it, so they are in `chosen`
                values = choose(axis)
                chosen.update(axis.settings(values))
                job += _overrides(axis, values)
        return job

    def _walk(self, index: int, chosen: Mapping[str, str], job: list[str]) -> Iterator[list[str]]:
        """The jobs with these choices for the first ``index`` axes."""
        if index == len(self._axes):
            yield [*self.fixed, *job]
            return
        axis = self._axes[index]
        if not axis.applies(chosen):
            yield from self._walk(index + 1, chosen, job)
            return
        for values in axis.values:
            # A copy: the generator is suspended in the middle of the loop, and siblings must not see this choice.
            further = {**chosen, **axis.settings(values)}
            yield from self._walk(index + 1, further, [*job, *_overrides(axis, values)])


def _overrides(axis: Axis, values: Sequence[str]) -> list[str]:
    return [f"{key}={value}" for key, value in zip(axis.keys, values, strict=True)]


def _name(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys from nested ones, as ``hydra.sweeper.params.optimizer.lr=...`` on the command line creates them."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _zipped(
    parser: OverridesParser, together: Sequence[Mapping[str, Any]], typed: Mapping[str, Override]
) -> list[Axis]:
    axes = []
    for group in together:  # each group is one axis of several keys
        overrides = [forms.parse(parser, key, value) for key, value in _flat(group).items()]
        for override in overrides:
            if _name(override) in typed:
                raise ConfigError(
                    f"{typed[_name(override)].input_line} was typed, and hydra.sweeper.together has that key;",
                    "the keys in together change together;",
                    "change them there, or empty it with hydra.sweeper.together=[].",
                )
            if not override.is_sweep_override():
                raise ConfigError(
                    f"together: {override.input_line} is one value;",
                    "keys that change together take lists of values;",
                    f"give {override.key_or_group} a list, or put it under params.",
                )
        axes.append(forms.zipped(map(forms.axis, overrides)))
    return axes


def _conditional(
    parser: OverridesParser, when: Mapping[str, Mapping[str, Any]], typed: Mapping[str, Override]
) -> list[Axis]:
    axes = []
    for text, params in when.items():
        condition = tuple(_condition(parser, part.strip()) for part in text.split(" and "))
        for key, value in _flat(params).items():
            override = forms.parse(parser, key, value)
            # A single value becomes a choice of one, so that it too is set only in jobs where the condition holds.
            if not override.is_sweep_override():
                override = forms.parse(parser, key, f"choice({override.get_value_element_as_str()})")
            # A key on the command line applies to every job, so that the file's condition no longer matters.
            if _name(override) not in typed:
                axes.append(replace(forms.axis(override), when=condition))
    return axes


def _condition(parser: OverridesParser, text: str) -> tuple[str, tuple[str, ...]]:
    """The key and the values of a condition such as ``optimizer=sgd,momentum``."""
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise ConfigError(
            f"when: '{text}' is not a condition;",
            "a condition is key=value, or key=a,b for several values, and conditions are joined by ' and ';",
            "try for instance 'optimizer=sgd'.",
        )
    override = forms.parse(parser, key, value)
    # Compared as text with the values of the other axis, so both are written by the same function of Hydra.
    if override.is_discrete_sweep():
        return _name(override), tuple(override.sweep_string_iterator())
    return _name(override), (override.get_value_element_as_str(),)


def _ordered(
    axes: list[Axis], conditional: list[Axis], given: Mapping[str, str], typed: Mapping[str, Override]
) -> list[Axis]:
    """The axes in the order in which they are sampled: a conditional one after those that its condition is about.

    Raises:
        ConfigError: a condition that is not about an axis, or that never holds; two axes of one key in one job.
    """
    # Every value that a key may have in some job. An interval adds none, which _check_condition refuses.
    values: dict[str, set[str]] = {key: {value} for key, value in given.items()}
    for axis in [*axes, *conditional]:
        for name in axis.names:
            values.setdefault(name, set())
        for name, text in (pair for row in axis.values for pair in axis.settings(row).items()):
            values[name].add(text)
    for axis in conditional:
        _check_condition(axis, values, typed)
    _refuse_twice([*axes, *conditional])

    # The command line may replace the axis of a condition in a file, so that the condition holds in no job; such an
    # axis is dropped without an error.
    waiting = [axis for axis in conditional if all(values[key] & {*wanted} for key, wanted in axis.when)]
    # A topological sort, by repeatedly taking every axis whose condition is only about axes that are already placed.
    done = list(axes)
    while waiting:
        pending = {name for axis in waiting for name in axis.names}
        ready = [axis for axis in waiting if not pending & {key for key, _ in axis.when}]
        if not ready:
            raise ConfigError(
                f"when: {' and '.join(sorted(pending))} depend on each other;",
                "conditions may not form a cycle;",
                "take one of the conditions out.",
            )
        done += ready
        waiting = [axis for axis in waiting if axis not in ready]
    return done


def _check_condition(axis: Axis, values: Mapping[str, set[str]], typed: Mapping[str, Override]) -> None:
    for key, wanted in axis.when:
        if key not in values:
            raise ConfigError(
                f"when: {axis.condition} is about {key}, which is not an axis of the sweep;",
                did_you_mean(key, values) or f"axes are {', '.join(values) or 'none'};",
                f"add {key} to hydra.sweeper.params, or type {key}={','.join(wanted)}.",
            )
        if not values[key]:
            raise ConfigError(
                f"when: {axis.condition} compares {key}, which is drawn from an interval;",
                "a condition needs an axis with a list of values;",
                f"try {key}=choice({','.join(wanted)}).",
            )
        never = [value for value in wanted if value not in values[key]]
        if never and key not in typed:  # a key on the command line may leave out values that a file has conditions for
            raise ConfigError(
                f"when: {key} is never {never[0]};",
                did_you_mean(never[0], values[key]) or f"it is one of {', '.join(sorted(values[key]))};",
                f"add {never[0]} to the values of {key}, or take the condition out.",
            )


def _refuse_lost(typed: Sequence[Override]) -> None:
    """Raise ConfigError where values of an axis would be ignored: of two overrides of a key the last one counts."""
    seen: dict[str, Override] = {}
    for override in typed:
        for name in forms.names(override):
            first = seen.setdefault(name, override)
            if first is not override and (first.is_sweep_override() or override.is_sweep_override()):
                raise ConfigError(
                    f"{name} is set twice, by {first.input_line} and by {override.input_line};",
                    "a job gives a key one value, and all values of a key are one list;",
                    f"leave one out, or try {name}=A,B,C with all values.",
                )


def _refuse_hidden(axes: Sequence[Axis], typed: Mapping[str, Override]) -> None:
    """Raise ConfigError for a typed value that every job replaces, because each value of an axis sets the same key."""
    for axis in axes:
        rows = [axis.settings(row) for row in axis.values if axis.parts]
        for name in axis.names if rows else ():
            if name in typed and not typed[name].is_sweep_override() and all(name in row for row in rows):
                raise ConfigError(
                    f"{typed[name].input_line} was typed, and each value of {' '.join(axis.keys)} sets {name};",
                    "a job gives a key one value;",
                    "leave one of the two out.",
                )


def _refuse_twice(axes: Sequence[Axis]) -> None:
    for index, axis in enumerate(axes):
        for other in axes[:index]:
            shared = sorted({*axis.names} & {*other.names})
            if shared and not _exclude(axis, other):
                both = " and ".join(each.condition or "always" for each in (other, axis))
                raise ConfigError(
                    f"{shared[0]} is on two axes that one job may have ({both});",
                    "a job gives a key one value;",
                    "give the two conditions different values of the same key, or remove one axis.",
                )


def _exclude(one: Axis, other: Axis) -> bool:
    # Sufficient, not necessary: conditions on different keys are taken for compatible.
    wanted = dict(one.when)
    return any(key in wanted and not {*values} & {*wanted[key]} for key, values in other.when)
