"""One axis of a search space: the values a key is given in turn, or the numbers it is drawn from. Imports no torch."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
    Transformer,
)
from hydra.errors import HydraException

from netyard.errors import ConfigError

FORMS = "a,b,c  choice(a,b)  range(1,10,step=2)  interval(0.1,0.9)  int(...)  tag(log, ...)  glob(a*)"


@dataclass(frozen=True)
class Scale:
    """Numbers from low to high, both included: all of them, or with a step those that are so far apart."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    def draw(self, rng: random.Random) -> float:
        """A number, each as likely as any other, or its logarithm if ``log``; six digits, as a person would write."""
        half = 0.5 if self.whole else 0.0  # so that the ends are as likely as what is between them
        low, high = self.low - half, self.high + half
        number = math.exp(rng.uniform(math.log(low), math.log(high))) if self.log else rng.uniform(low, high)
        number = round(number) if self.whole else float(f"{number:.6g}")
        return min(max(number, self.low), self.high)

    def suggest(self, trial: Any, name: str) -> float:
        """What an Optuna trial takes from it."""
        if self.whole:
            return trial.suggest_int(name, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True)
class Axis:
    """What varies from job to job: one key, or several that are walked side by side.

    Args:
        keys: as they stand before ``=``, a ``+`` included.
        values: what may stand behind ``=``, for each key one; empty if every number of the scale may.
        scale: the order of the values, where they are numbers that have one.
        when: the axis exists in jobs where each of these keys has one of these values.
        text: the axis in one line, the same for the same axis.
    """

    keys: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    scale: Scale | None
    text: str
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(key.lstrip("+") for key in self.keys)

    @property
    def condition(self) -> str:
        return " and ".join(f"{key}={','.join(values)}" for key, values in self.when)

    @property
    def label(self) -> str:
        """How a description and a study call it; a key may stand on several axes of which a job has at most one."""
        return ",".join(self.names) + f" when {self.condition}" * bool(self.when)

    def applies(self, chosen: Mapping[str, str]) -> bool:
        return all(chosen.get(key) in values for key, values in self.when)

    def draw(self, rng: random.Random) -> tuple[str, ...]:
        if self.scale is None:
            return rng.choice(self.values)
        return self._at(self.scale.draw(rng)) if self.scale.log or not self.values else rng.choice(self.values)

    def suggest(self, trial: Any) -> tuple[str, ...]:
        if self.scale is not None:
            return self._at(self.scale.suggest(trial, self.label))
        by_text = {" ".join(value): value for value in self.values}
        return by_text[trial.suggest_categorical(self.label, list(by_text))]

    def _at(self, number: float) -> tuple[str, ...]:
        if not self.values:
            return (str(number),)
        return min(self.values, key=lambda value: abs(float(value[0]) - number))


def parse(parser: OverridesParser, key: str, given: Any) -> Override:
    """Read what a search space gives a key: text in Hydra's grammar, or a list, number or null of YAML."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not given:
            raise _empty(key, "[]")
        values = [_quoted(parser, value) for value in given]
        line = f"{key}=choice({','.join(map(Transformer.str, values))})"
        # Not by that line: Hydra takes the quotes off what stands in choice(...).
        choice = parser.parse_override(f"{key}=choice(0)")
        return replace(choice, _value=ChoiceSweep(list=values), input_line=line)
    line = f"{key}={given if isinstance(given, str) else Transformer.str(given)}"
    try:
        override = parser.parse_override(line)
    except HydraException as error:
        if "empty choice" in str(error):
            raise _empty(key, str(given)) from error
        raise ConfigError(
            f"{line} cannot be read: {str(error).splitlines()[0]};",
            f"what is searched is written {FORMS};",
            f"try {key}=0.1,0.01.",
        ) from error
    override.config_loader = parser.config_loader
    return override


def axis(override: Override) -> Axis:
    """The axis that a sweeping override is.

    Raises:
        ConfigError: nothing in it to choose from, a step that goes nowhere, a logarithm of zero, an unknown tag.
    """
    key, sweep = override.get_key_element(), override._value
    tags = sorted(getattr(sweep, "tags", ()))
    if unknown := [tag for tag in tags if tag != "log"]:
        raise ConfigError(
            f"{override.input_line} is tagged {unknown[0]};",
            "the one tag is log;",
            f"try {key}=tag(log, interval(0.001,0.1)).",
        )
    log = "log" in tags
    scale: Scale | None = None
    if isinstance(sweep, IntervalSweep):
        scale = _interval(override, sweep, log)
        text = f"interval({scale.low}, {scale.high})"
        text = f"int({text})" if scale.whole else text
        return Axis((key,), (), scale, f"tag(log, {text})" if log else text)
    if isinstance(sweep, RangeSweep):
        values, scale = _range(override, sweep, log)
        text = f"range({sweep.start}, {sweep.stop}, step={sweep.step})"
        text = f"tag(log, {text})" if log else text
    else:
        # Hydra shuffles anew each time it is asked; a resumed sweep wants the order of before.
        if isinstance(sweep, ChoiceSweep):
            override = replace(override, _value=replace(sweep, shuffle=False))
        values = tuple((value,) for value in override.sweep_string_iterator())
        text = ",".join(value for (value,) in values)
    if not values:
        raise _empty(key, override.get_value_string())
    if getattr(sweep, "shuffle", False):
        values, text = tuple(random.Random(text).sample(values, len(values))), f"shuffle({text})"
    return Axis((key,), values, scale, text)


def zipped(axes: Iterable[Axis]) -> Axis:
    """Several axes walked side by side.

    Raises:
        ConfigError: they are not equally long, or have no values to walk.
    """
    axes = list(axes)
    for each in axes:
        if not each.values:
            raise ConfigError(
                f"together: {each.keys[0]} is {each.text};",
                "keys that are walked together take lists of values;",
                f"give {each.keys[0]} a list, or put it under params.",
            )
    lengths = {each.keys[0]: len(each.values) for each in axes}
    if len({*lengths.values()}) > 1:
        raise ConfigError(
            f"together: {' and '.join(f'{key} has {count}' for key, count in lengths.items())} values;",
            "keys that are walked together have equally many;",
            f"give each of them {max(lengths.values())}.",
        )
    columns = [[value for (value,) in each.values] for each in axes]
    rows = tuple(zip(*columns, strict=True))
    return Axis(tuple(lengths), rows, None, "; ".join(" ".join(row) for row in rows))


def _interval(override: Override, sweep: IntervalSweep, log: bool) -> Scale:
    low, high = sweep.start, sweep.end
    assert low is not None and high is not None  # the grammar asks for both
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        turned = f"interval({high},{low})" if high < low else "interval(0.1,0.9)"
        raise ConfigError(
            f"{override.input_line} has nothing between {low} and {high};",
            "an interval goes from a number to a greater one;",
            f"try {override.get_key_element()}={turned}.",
        )
    _require_above_zero(override, low, log)
    return Scale(low, high, log=log, whole=isinstance(low, int) and isinstance(high, int))


def _range(override: Override, sweep: RangeSweep, log: bool) -> tuple[tuple[tuple[str, ...], ...], Scale]:
    """The values of a range, and their scale; the digits that binary fractions add to ``0.1 * 3`` are cut from it."""
    start, stop, step = sweep.start, sweep.stop, sweep.step
    assert start is not None and stop is not None  # the grammar asks for both
    if not step > 0:
        raise ConfigError(
            f"{override.input_line} has step {step};",
            "a range goes upwards, by a step above zero;",
            f"try {override.get_key_element()}=range({min(start, stop)},{max(start, stop)},step={abs(step) or 1}).",
        )
    if not start < stop:
        raise _empty(override.get_key_element(), override.get_value_string())
    _require_above_zero(override, start, log)
    numbers = list(sweep.range())
    whole = all(isinstance(number, int) for number in numbers)
    if log and not (whole and step == 1):
        raise ConfigError(
            f"{override.input_line} is logarithmic and has step {step};",
            "a logarithmic range takes whole numbers and step 1, an interval any number;",
            f"try {override.get_key_element()}=tag(log, interval({start},{stop})).",
        )
    low, high = (number if whole else float(f"{number:.12g}") for number in (numbers[0], numbers[-1]))
    return tuple((Transformer.str(number),) for number in numbers), Scale(low, high, step, log, whole)


def _require_above_zero(override: Override, low: float, log: bool) -> None:
    if log and low <= 0:
        raise ConfigError(
            f"{override.input_line} is logarithmic and begins at {low};",
            "a logarithm wants numbers above zero;",
            "begin at a small number like 0.00001, or leave log out.",
        )


def _empty(key: str, text: str) -> ConfigError:
    return ConfigError(
        f"{key}={text} holds no value;",
        "a choice lists at least one, and a range goes from its start up to below its stop;",
        f"try {key}=choice(1,2) or {key}=range(1,3).",
    )


def _quoted(parser: OverridesParser, value: Any) -> Any:
    """A value of a YAML list for Hydra's grammar; text that the grammar would take for something else in quotes."""
    if not isinstance(value, str):
        return value
    try:
        read = parser.parse_override(f"key={Transformer.str(value)}")
    except HydraException:
        return QuotedString(value, Quote.single)
    return value if read.value() == value and not read.is_sweep_override() else QuotedString(value, Quote.single)
