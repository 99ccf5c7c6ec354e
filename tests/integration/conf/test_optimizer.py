"""Optimizers in a whole run: the usual one, and the two that are unlike the others. The campaign runs each of them."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("name", "accuracy"), [("adam", 0.95), ("lbfgs", 0.85), ("muon", 0.85)])
def test_the_default_network_learns_the_digits(train, name: str, accuracy: float) -> None:
    ran = train(f"optimizer={name}", "logger=none", "callbacks.figures=null")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= accuracy
