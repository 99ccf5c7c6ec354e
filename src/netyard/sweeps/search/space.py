"""What a sweep searches: fixed overrides and axes, from Hydra's override grammar and YAML. Imports no torch."""

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
    """The jobs a sweep may have, each a list of overrides: first those of every job, then a value for each axis.

    An axis whose condition does not hold in a job gives it nothing. Conditional axes stand behind those they ask about.
    """

    def __init__(self, fixed: Sequence[str], axes: Sequence[Axis], given: Mapping[str, str] | None = None) -> None:
        """``given`` says of the keys that ``fixed`` sets which values of a condition they fulfil."""
        self.fixed = list(fixed)
        self._axes = list(axes)
        self._given = dict(given or {})

    @classmethod
    def parse(
        cls,
        parser: OverridesParser,
        params: Mapping[str, Any],
        when: Mapping[str, Mapping[str, Any]],
        together: Sequence[Mapping[str, Sequence[Any]]],
        arguments: Sequence[str],
    ) -> Space:
        """Read a search space. What the command line says of a key takes the place of what a file says of it.

        Args:
            params: axes, or fixed values, by key.
            when: axes by the choice they go with: ``{"optimizer=rmsprop": {"optimizer.momentum": "0,0.9"}}``. ``a=1,2``
                is either value, ``a=1 and b=2`` both choices.
            together: lists of values by key, walked side by side.
            arguments: the overrides of the command line; those that name several values are axes.

        Raises:
            ConfigError: a key or option that does not exist, a form or a condition without sense.
        """
        typed = {_name(override): override for override in parser.parse_overrides(list(arguments))}
        read = {key: forms.parse(parser, key, value) for key, value in _flat(_plain(params)).items()}
        overrides = {_name(override): override for override in read.values()} | typed
        sweeping = [override for override in overrides.values() if override.is_sweep_override()]
        fixed = [override for override in overrides.values() if not override.is_sweep_override()]
        given = {_name(override): override.get_value_element_as_str() for override in fixed}
        axes = [*map(forms.axis, sweeping), *_zipped(parser, _plain(together), typed)]
        axes = _ordered(axes, _conditional(parser, _plain(when), typed), given, typed)
        lines = [str(override.input_line) for override in fixed]
        if parser.config_loader is not None:
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
    def discrete(self) -> bool:
        """Whether the jobs can be counted."""
        return all(axis.values for axis in self._axes)

    def describe(self) -> dict[str, str]:
        """The space as text: equal for equal spaces, the order of the jobs included."""
        return {
            "fixed": shlex.join(self.fixed),
            "axes": ", ".join(axis.label for axis in self._axes),
            **{axis.label: axis.text for axis in self._axes},
        }

    def grid(self) -> list[list[str]]:
        """Every job, the first axis slowest.

        Raises:
            ConfigError: an axis is an interval, which has no end of values.
        """
        for axis in self._axes:
            if not axis.values:
                raise ConfigError(
                    f"{axis.names[0]} is {axis.text}, and the sweep is a grid;",
                    "a grid walks through values: a,b,c or choice(...) or range(...);",
                    f"try hydra/sweeper=random or hydra/sweeper=optuna, or {axis.names[0]}=0.1,0.01.",
                )
        return list(self._walk(0, self._given, []))

    def sample(self, rng: random.Random) -> list[str]:
        """A job at random: every value of an axis is equally likely, whatever hangs on it."""
        return self._job(lambda axis: axis.draw(rng))

    def suggest(self, trial: Any) -> list[str]:
        """The job that an Optuna trial suggests, axis by axis as it defines them."""
        return self._job(lambda axis: axis.suggest(trial))

    def _job(self, choose: Callable[[Axis], tuple[str, ...]]) -> list[str]:
        chosen, job = dict(self._given), list(self.fixed)
        for axis in self._axes:
            if axis.applies(chosen):
                values = choose(axis)
                chosen.update(zip(axis.names, values, strict=True))
                job += _overrides(axis, values)
        return job

    def _walk(self, index: int, chosen: Mapping[str, str], job: list[str]) -> Iterator[list[str]]:
        """The jobs that begin with these choices for the first ``index`` axes."""
        if index == len(self._axes):
            yield [*self.fixed, *job]
            return
        axis = self._axes[index]
        if not axis.applies(chosen):
            yield from self._walk(index + 1, chosen, job)
            return
        for values in axis.values:
            further = {**chosen, **dict(zip(axis.names, values, strict=True))}
            yield from self._walk(index + 1, further, [*job, *_overrides(axis, values)])


def _overrides(axis: Axis, values: Sequence[str]) -> list[str]:
    return [f"{key}={value}" for key, value in zip(axis.keys, values, strict=True)]


def _name(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys for nested ones: ``hydra.sweeper.params.optimizer.lr=...`` on the command line makes the latter."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def _zipped(
    parser: OverridesParser, together: Sequence[Mapping[str, Any]], typed: Mapping[str, Override]
) -> list[Axis]:
    axes = []
    for group in together:
        overrides = [forms.parse(parser, key, value) for key, value in _flat(group).items()]
        for override in overrides:
            if _name(override) in typed:
                raise ConfigError(
                    f"{typed[_name(override)].input_line} was typed, and hydra.sweeper.together holds that key;",
                    "keys that are walked together change together;",
                    "change them there, or empty it with hydra.sweeper.together=[].",
                )
            if not override.is_sweep_override():
                raise ConfigError(
                    f"together: {override.input_line} is one value;",
                    "keys that are walked together take lists of values;",
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
            if not override.is_sweep_override():  # a choice of one: it, too, is given only where the condition holds
                override = forms.parse(parser, key, f"choice({override.get_value_element_as_str()})")
            if _name(override) not in typed:
                axes.append(replace(forms.axis(override), when=condition))
    return axes


def _condition(parser: OverridesParser, text: str) -> tuple[str, tuple[str, ...]]:
    """``optimizer=sgd,momentum`` as the key and the values that fulfil it."""
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise ConfigError(
            f"when: '{text}' is no condition;",
            "a condition is key=value, with several values key=a,b, and joined by ' and ';",
            "try for instance 'optimizer=sgd'.",
        )
    override = forms.parse(parser, key, value)
    if override.is_discrete_sweep():
        return _name(override), tuple(override.sweep_string_iterator())
    return _name(override), (override.get_value_element_as_str(),)


def _ordered(
    axes: list[Axis], conditional: list[Axis], given: Mapping[str, str], typed: Mapping[str, Override]
) -> list[Axis]:
    """The axes in the order they are chosen: a conditional one behind those its condition is about.

    Raises:
        ConfigError: a condition about no axis, or that never holds; two axes of one key in one job.
    """
    values: dict[str, set[str]] = {key: {value} for key, value in given.items()}
    for axis in [*axes, *conditional]:
        for index, name in enumerate(axis.names):
            values.setdefault(name, set()).update(row[index] for row in axis.values)
    for axis in conditional:
        _check_condition(axis, values, typed)
    _refuse_twice([*axes, *conditional])

    # The command line may leave no job that a condition of a file holds in.
    waiting = [axis for axis in conditional if all(values[key] & {*wanted} for key, wanted in axis.when)]
    done = list(axes)
    while waiting:
        pending = {name for axis in waiting for name in axis.names}
        ready = [axis for axis in waiting if not pending & {key for key, _ in axis.when}]
        if not ready:
            raise ConfigError(
                f"when: {' and '.join(sorted(pending))} wait for each other;",
                "an axis may hang on another that does not hang on it;",
                "take one of the conditions out.",
            )
        done += ready
        waiting = [axis for axis in waiting if axis not in ready]
    return done


def _check_condition(axis: Axis, values: Mapping[str, set[str]], typed: Mapping[str, Override]) -> None:
    for key, wanted in axis.when:
        if key not in values:
            raise ConfigError(
                f"when: {axis.condition} asks about {key}, which is no axis of the sweep;",
                did_you_mean(key, values) or f"axes are {', '.join(values) or 'none'};",
                f"add {key} to hydra.sweeper.params, or type {key}={','.join(wanted)}.",
            )
        if not values[key]:
            raise ConfigError(
                f"when: {axis.condition} asks for a value of {key}, which is drawn from an interval;",
                "a condition is about an axis that lists its values;",
                f"try {key}=choice({','.join(wanted)}).",
            )
        never = [value for value in wanted if value not in values[key]]
        if never and key not in typed:
            raise ConfigError(
                f"when: {key} is never {never[0]};",
                did_you_mean(never[0], values[key]) or f"it is one of {', '.join(sorted(values[key]))};",
                f"add {never[0]} to the values of {key}, or take the condition out.",
            )


def _refuse_twice(axes: Sequence[Axis]) -> None:
    for index, axis in enumerate(axes):
        for other in axes[:index]:
            shared = sorted({*axis.names} & {*other.names})
            if shared and not _exclude(axis, other):
                both = " and ".join(each.condition or "always" for each in (other, axis))
                raise ConfigError(
                    f"{shared[0]} stands on two axes that a job may have at once ({both});",
                    "a job gives a key one value;",
                    "let the conditions name different values of one key, or take one axis out.",
                )


def _exclude(one: Axis, other: Axis) -> bool:
    wanted = dict(one.when)
    return any(key in wanted and not {*values} & {*wanted[key]} for key, values in other.when)
