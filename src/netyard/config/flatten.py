"""Nested configs as dotted keys. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf


def leaves(node: Any, key: str = "", empty: bool = False) -> Iterator[tuple[str, Any]]:
    """Every value of a plain config with its dotted key; a list is one value.

    Args:
        node: mappings in mappings.
        key: of the node itself.
        empty: whether a mapping without keys counts as a value; otherwise it is skipped.
    """
    # A list is not entered: overrides replace lists as a whole.
    if isinstance(node, Mapping) and (node or not empty or not key):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name), empty)
    else:
        yield key, node


def keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    """Every dotted key of an OmegaConf config, including those of inner nodes; interpolations are not followed."""
    for name in map(str, config):
        key = f"{prefix}.{name}" if prefix else name
        yield key  # the node itself can be overridden, too
        # Access would raise for ??? and for an interpolation that cannot be resolved yet.
        if OmegaConf.is_missing(config, name) or OmegaConf.is_interpolation(config, name):
            continue
        if isinstance(child := config[name], DictConfig):
            yield from keys(child, key)
