"""Mistyped keys, options and values, made by the hundred: each is one message that names what was typed, code 2."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from support.typos import GRAMMAR, fault, mistakes, quickened

CHUNKS = [*[("options", 38)] * 10, *[("keys", 40)] * 3, *[("values", 35)] * 2]


@pytest.mark.parametrize(("kind", "times"), CHUNKS)
def test_hundreds_of_mistakes(tally, train, rng: random.Random, monkeypatch, kind: str, times: int) -> None:
    quickened(monkeypatch)
    typed = [*islice(mistakes(kind, rng), times)]
    assert len(set(typed)) > times / 2
    faults = [fault(train, text, named) for text, named in typed]
    print(*filter(None, faults), sep="\n")
    tally("given a mistyped key, option or value", times, faults.count(""))


def test_what_hydra_cannot_read(tally, train, monkeypatch) -> None:
    quickened(monkeypatch)
    faults = [fault(train, text, "") for text in GRAMMAR]
    print(*filter(None, faults), sep="\n")
    tally("given a mistyped key, option or value", len(GRAMMAR), faults.count(""))
