"""The only place that instantiates: a config node in, an object out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from netyard.errors import NetyardError


def build(node: Mapping[str, Any], **arguments: Any) -> Any:
    """Call a node's ``_target_`` with its keys and the arguments given; lists and dicts arrive as plain Python.

    Raises:
        NetyardError: the target raised one; Hydra's wrapping is taken off.
        InstantiationException: the target is missing, or refused its arguments.
    """
    try:
        return instantiate(node, _convert_="all", **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, NetyardError):
            raise error.__cause__ from None
        raise


def build_all(nodes: Mapping[str, Any] | None) -> list[Any]:
    """Build each node of a group that holds several, as ``callbacks`` does; a null takes one out."""
    return [build(node) for node in (nodes or {}).values() if node and "_target_" in node]
