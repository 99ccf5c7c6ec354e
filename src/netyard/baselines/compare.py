"""The baselines of a task and its data: of which kind, from the cache or computed now, and never an error."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netyard.baselines import cache
from netyard.baselines.kinds import Kind, kind_of
from netyard.errors import first_line
from netyard.io.fingerprint import fingerprint
from netyard.tasks.interfaces import HasBaselines, HasSplits, has_split

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """What baselines reach on a part of the data."""

    metric: str
    """The one that they are compared by: ``test/accuracy``."""
    mode: str
    """``max`` or ``min``: what is better of this metric."""
    values: Mapping[str, Mapping[str, float]]
    """By metric and name: ``{"test/accuracy": {"majority": 0.1}}``."""
    subset: int | None
    """See ``Scores``, as the next two."""
    tested: int | None
    chosen: Mapping[str, Any]
    seconds: float
    """The time that it took to compute them now; 0 if they were in the cache."""
    fits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def best(self) -> str | None:
        """The best on the validation part; None if there was none."""
        sign = -1 if self.mode == "max" else 1
        known = {name: each["validated"] for name, each in self.fits.items() if each.get("validated") is not None}
        return min(known, key=lambda name: (sign * known[name], name)) if known else None

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Name and value of the compared metric, the best first; equal ones by name."""
        sign = -1 if self.mode == "max" else 1
        return sorted(self.values[self.metric].items(), key=lambda item: (sign * item[1], item[0]))

    def record(self) -> dict[str, Any]:
        """The entries of ``results.json``."""
        facts: dict[str, Any] = {"metric": self.metric, "mode": self.mode, "best": self.ranked[0][0]}
        facts |= {"subset": self.subset, "tested": self.tested, "chosen": dict(self.chosen)}
        return {"baselines": {name: dict(each) for name, each in self.values.items()}, "baseline_facts": facts}


def baselines_of(
    task: Any, data: Any, stage: str, metrics: Collection[str] | None = None, place: Path | None = None
) -> Compared | None:
    """The baselines of a task and its data; None if there are none, or they cannot be computed, which is logged.

    Args:
        stage: ``test`` or ``val``, the part that is scored.
        metrics: of the network, ``test/accuracy``; others are left out. None: all.
        place: the folder of the cache; None: see ``cache.folder``.
    """
    # A comparison is an addition to a finished run, which it must not fail.
    try:
        return computed(task, data, stage, metrics, place)
    except Exception as error:
        log.warning("there are no baselines of this run: %s: %s", type(error).__name__, first_line(error))
        log.debug("the baselines failed", exc_info=error)
        return None


def computed(
    task: Any, data: Any, stage: str, metrics: Collection[str] | None = None, place: Path | None = None
) -> Compared | None:
    """The same, but errors are raised."""
    kind = kind_of(task.baseline_kind) if isinstance(task, HasBaselines) else None
    if kind is None:
        return None
    started, now = time.perf_counter(), False

    def compute() -> dict[str, Any]:
        nonlocal now
        now = True
        return _scores(kind, task, data, stage)

    found = cache.cached(place or cache.folder(), _key(task.baseline_kind, kind, task, data, stage), compute)
    values = {f"{stage}/{name}": each for name, each in found["values"].items()}
    first = next(iter(values), "")
    kept = {name: each for name, each in values.items() if metrics is None or name in metrics}
    if first not in kept:
        return None
    facts = {key: found[key] for key in ("mode", "subset", "tested", "chosen", "fits")}
    return Compared(first, values=kept, seconds=time.perf_counter() - started if now else 0.0, **facts)


def _scores(kind: Kind, task: Any, data: Any, stage: str) -> dict[str, Any]:
    from threadpoolctl import threadpool_limits

    # One thread: sums over several would round in another order, and differ between machines.
    with _undisturbed(), threadpool_limits(1):
        return kind.scores(task, data, stage).state()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Restore the global random generators: a model or an environment that draws from them changes no run."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _key(name: str, kind: Kind, task: Any, data: Any, stage: str) -> str:
    """A hash of everything that the values depend on."""
    parts = [part for part in dict.fromkeys(("train", "val", stage)) if has_split(data, part)]
    content = {part: data.split(part).content for part in parts} if isinstance(data, HasSplits) else {}
    facts = kind.settings(task, data)
    return fingerprint(kind=name, version=kind.VERSION, stage=stage, library=_library(), facts=facts, content=content)


def _library() -> str:
    try:
        return version("scikit-learn")
    except PackageNotFoundError:
        return ""
