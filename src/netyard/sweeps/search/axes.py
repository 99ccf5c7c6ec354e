"""One axis of a search space: the values of a key, or the interval it is sampled from. Imports no torch."""

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
    """Numbers from low to high, both included: any of them, or with a step only ``low``, ``low + step``, ..."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    def draw(self, rng: random.Random) -> float:
        """A number drawn uniformly, or log-uniformly if ``log``; six digits, so that overrides stay readable."""
        # Rounding would give the two ends of an integer range half the probability of the numbers between them.
        half = 0.5 if self.whole else 0.0
        low, high = self.low - half, self.high + half
        number = math.exp(rng.uniform(math.log(low), math.log(high))) if self.log else rng.uniform(low, high)
        number = round(number) if self.whole else float(f"{number:.6g}")
        return min(max(number, self.low), self.high)  # rounding to six digits may leave the interval

    def suggest(self, trial: Any, name: str) -> float:
        """The number that an Optuna trial suggests."""
        if self.whole:
            return trial.suggest_int(name, self.low, self.high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True)
class Axis:
    """What varies from job to job: one key, or several whose values change together.

    Args:
        keys: as written before ``=``, including a ``+``.
        values: rows of one value per key; empty if any number of the scale is allowed.
        scale: the numeric range of the values, if they are ordered numbers.
        when: the axis exists only in jobs where each of these keys has one of these values.
        parts: what each row sets, by dotted key, if some values are mappings.
        text: the axis in one line; equal for equal axes, which a resume compares.
    """

    keys: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    scale: Scale | None
    text: str
    when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parts: tuple[tuple[tuple[str, str], ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that vary, without ``+``: of ``+model={activation:relu},{dropout:0.1}`` those in the mappings."""
        inside = dict.fromkeys(name for row in self.parts for name, _ in row)
        return tuple(inside) or tuple(key.lstrip("+") for key in self.keys)

    def settings(self, row: tuple[str, ...]) -> dict[str, str]:
        """What a row of values sets, by name."""
        return dict(self.parts[self.values.index(row)] if self.parts else zip(self.names, row, strict=True))

    @property
    def condition(self) -> str:
        return " and ".join(f"{key}={','.join(values)}" for key, values in self.when)

    @property
    def label(self) -> str:
        """The name of the axis in descriptions and in an Optuna study.

        Two axes may have the same key, if no job has both; the condition makes their names differ.
        """
        return ",".join(self.names) + f" when {self.condition}" * bool(self.when)

    def applies(self, chosen: Mapping[str, str]) -> bool:
        return all(chosen.get(key) in values for key, values in self.when)

    def draw(self, rng: random.Random) -> tuple[str, ...]:
        if self.scale is None:
            return rng.choice(self.values)
        # On a logarithmic scale the listed values are not equally likely: draw a number, then take the nearest of them.
        return self._at(self.scale.draw(rng)) if self.scale.log or not self.values else rng.choice(self.values)

    def suggest(self, trial: Any) -> tuple[str, ...]:
        if self.scale is not None:
            return self._at(self.scale.suggest(trial, self.label))
        # Optuna's categorical choices have to be plain values, not tuples.
        by_text = {" ".join(value): value for value in self.values}
        return by_text[trial.suggest_categorical(self.label, list(by_text))]

    def _at(self, number: float) -> tuple[str, ...]:
        if not self.values:
            return (str(number),)
        return min(self.values, key=lambda value: abs(float(value[0]) - number))


def parse(parser: OverridesParser, key: str, given: Any) -> Override:
    """Parse the values of a key in a search space: text in Hydra's grammar, or a list, number or null from YAML."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not given:
            raise _empty(key, "[]")
        values = [_quoted(parser, value) for value in given]
        line = f"{key}=choice({','.join(map(Transformer.str, values))})"
        # The line itself is not parsed: Hydra would remove the quotes inside choice(...), and "1" would become 1.
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
            f"the values of a key are written {FORMS};",
            f"try {key}=0.1,0.01.",
        ) from error
    override.config_loader = parser.config_loader  # for glob(...), which lists the options of a group
    return override


def axis(override: Override) -> Axis:
    """The axis of an override with several values.

    Raises:
        ConfigError: it has no values, a step that is not positive, a logarithmic scale from zero, or an unknown tag.
    """
    key, sweep = override.get_key_element(), override._value
    tags = sorted(getattr(sweep, "tags", ()))
    # Hydra allows any tag and leaves their meaning to the sweeper.
    if unknown := [tag for tag in tags if tag != "log"]:
        raise ConfigError(
            f"{override.input_line} is tagged {unknown[0]};",
            "the only tag is log;",
            f"try {key}=tag(log, interval(0.001,0.1)).",
        )
    log = "log" in tags
    scale: Scale | None = None
    parts: tuple[tuple[tuple[str, str], ...], ...] = ()
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
        # Hydra's shuffle(...) has no seed, and a resumed sweep needs the same order: shuffled below instead.
        if isinstance(sweep, ChoiceSweep):
            override = replace(override, _value=replace(sweep, shuffle=False))
        values = tuple((value,) for value in override.sweep_string_iterator())
        text = ",".join(value for (value,) in values)
        if any(isinstance(value, Mapping) for value in override.sweep_iterator()):
            parts = tuple(tuple(_inside(key, value).items()) for value in override.sweep_iterator())
    if not values:
        raise _empty(key, override.get_value_string())
    if getattr(sweep, "shuffle", False):
        # Seeded by the values themselves: the same axis has the same order in every process.
        order = random.Random(text).sample(range(len(values)), len(values))
        values, text = tuple(values[index] for index in order), f"shuffle({text})"
        parts = tuple(parts[index] for index in order[: len(parts)])
    return Axis((key,), values, scale, text, parts=parts)


def settings(override: Override) -> dict[str, str]:
    """What an override with one value sets, by key without ``+``; a mapping sets the keys in it and keeps others."""
    return _inside(override.get_key_element(), override._value)


def names(override: Override) -> tuple[str, ...]:
    """The keys that an override sets, without ``+``."""
    if not override.is_sweep_override():
        return tuple(settings(override))
    key, sweep = override.get_key_element(), override._value
    values = sweep.list if isinstance(sweep, ChoiceSweep) else []
    return tuple(dict.fromkeys(name for value in values for name in _inside(key, value))) or (key.lstrip("+"),)


def _inside(key: str, value: Any) -> dict[str, str]:
    """The values in a mapping by dotted key, or the value itself; as text, as Hydra writes it in an override."""
    if not isinstance(value, Mapping):
        return {key.lstrip("+"): Transformer.str(value)}
    inner = [_inside(f"{key}.{getattr(name, 'text', name)}", item) for name, item in value.items()]
    return {name: text for each in inner for name, text in each.items()}


def zipped(axes: Iterable[Axis]) -> Axis:
    """One axis from several whose values change together: the first value of each, the second of each, ...

    Raises:
        ConfigError: they have different numbers of values, or are intervals.
    """
    axes = list(axes)
    for each in axes:
        if not each.values:
            raise ConfigError(
                f"together: {each.keys[0]} is {each.text};",
                "keys that change together take lists of values;",
                f"give {each.keys[0]} a list, or put it under params.",
            )
    lengths = {each.keys[0]: len(each.values) for each in axes}
    if len({*lengths.values()}) > 1:
        raise ConfigError(
            f"together: {' and '.join(f'{key} has {count}' for key, count in lengths.items())} values;",
            "keys that change together have equally many;",
            f"give each of them {max(lengths.values())}.",
        )
    # An override has one key, so its axis has rows of one value; transpose the columns to rows of one job each.
    columns = [[value for (value,) in each.values] for each in axes]
    rows = tuple(zip(*columns, strict=True))
    mapped = any(each.parts for each in axes)
    pairs = [[tuple(each.settings(value).items()) for value in each.values] for each in axes]
    parts = tuple(sum(row, ()) for row in zip(*pairs, strict=True)) if mapped else ()
    return Axis(tuple(lengths), rows, None, "; ".join(" ".join(row) for row in rows), parts=parts)


def _interval(override: Override, sweep: IntervalSweep, log: bool) -> Scale:
    low, high = sweep.start, sweep.end  # ints only inside int(...): interval(1, 8) casts its ends to float
    assert low is not None and high is not None  # Hydra's grammar requires both
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        example = f"interval({high},{low})" if high < low else "interval(0.1,0.9)"
        raise ConfigError(
            f"{override.input_line} has no numbers between {low} and {high};",
            "an interval goes from a number to a greater one;",
            f"try {override.get_key_element()}={example}.",
        )
    _require_above_zero(override, low, log)
    return Scale(low, high, log=log, whole=isinstance(low, int) and isinstance(high, int))


def _range(override: Override, sweep: RangeSweep, log: bool) -> tuple[tuple[tuple[str, ...], ...], Scale]:
    """The values of a range, and their scale, whose ends are rounded to 12 digits: 0.3, not 0.30000000000000004."""
    start, stop, step = sweep.start, sweep.stop, sweep.step
    assert start is not None and stop is not None  # Hydra's grammar requires both
    if not step > 0:
        raise ConfigError(
            f"{override.input_line} has step {step};",
            "a range is ascending, with a step above zero;",
            f"try {override.get_key_element()}=range({min(start, stop)},{max(start, stop)},step={abs(step) or 1}).",
        )
    if not start < stop:
        raise _empty(override.get_key_element(), override.get_value_string())
    _require_above_zero(override, start, log)
    numbers = list(sweep.range())
    whole = all(isinstance(number, int) for number in numbers)
    # Optuna's suggest_int and suggest_float refuse a step together with a logarithmic scale.
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
            f"{override.input_line} is logarithmic and starts at {low};",
            "a logarithmic scale needs numbers above zero;",
            "start at a small number like 0.00001, or leave out log.",
        )


def _empty(key: str, text: str) -> ConfigError:
    return ConfigError(
        f"{key}={text} has no values;",
        "a choice lists at least one value, and a range goes from its start up to, but not including, its stop;",
        f"try {key}=choice(1,2) or {key}=range(1,3).",
    )


def _quoted(parser: OverridesParser, value: Any) -> Any:
    """A value of a YAML list for Hydra's grammar; text in quotes if the grammar would parse it as something else."""
    if not isinstance(value, str):
        return value
    # Without quotes "1e-3" would become a number, "true" a boolean, and "a,b" two values.
    try:
        read = parser.parse_override(f"key={Transformer.str(value)}")
    except HydraException:
        return QuotedString(value, Quote.single)
    return value if read.value() == value and not read.is_sweep_override() else QuotedString(value, Quote.single)
