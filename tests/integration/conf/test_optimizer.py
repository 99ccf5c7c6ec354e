"""The default optimizer in a whole run; the campaign trains with each of them."""

from __future__ import annotations


def test_the_default_network_learns_the_digits(train) -> None:
    ran = train("logger=none", "callbacks.figures=null")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["metrics"]["test/accuracy"] >= 0.95
