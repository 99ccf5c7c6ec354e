"""Nested configs as dotted keys."""

from __future__ import annotations

from omegaconf import OmegaConf

from netyard.config import flatten

NESTED = {"a": {"b": 1, "c": {"d": [1, {"e": 2}]}}, "f": {}, "g": None}


def test_every_value_has_its_dotted_key_and_a_list_is_one() -> None:
    assert dict(flatten.leaves(NESTED)) == {"a.b": 1, "a.c.d": [1, {"e": 2}], "g": None}
    assert dict(flatten.leaves(NESTED, "x")) == {"x.a.b": 1, "x.a.c.d": [1, {"e": 2}], "x.g": None}
    assert list(flatten.leaves(3, "x")) == [("x", 3)]


def test_a_mapping_without_keys_is_a_value_if_asked_for() -> None:
    assert dict(flatten.leaves(NESTED, empty=True))["f"] == {}
    assert list(flatten.leaves({}, empty=True)) == list(flatten.leaves({})) == []


def test_keys_of_nodes_are_listed_and_interpolations_not_followed() -> None:
    config = OmegaConf.create({"a": {"b": "${c.d}", "m": "???"}, "c": {"d": "${nowhere}"}, "e": "${a}", "n": None})
    assert list(flatten.keys(config)) == ["a", "a.b", "a.m", "c", "c.d", "e", "n"]
