"""The only place that instantiates: a config node in, an object out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from netyard.config import allowlist, renamed
from netyard.errors import ConfigError, NetyardError


def build(node: Mapping[str, Any], **arguments: Any) -> Any:
    """Call a node's ``_target_`` with its keys and the arguments given; lists and dicts arrive as plain Python.

    Raises:
        NetyardError: the target raised one; Hydra's wrapping is taken off.
        ConfigError: the node names what nobody has offered or allowed, see ``targets``; nothing of it was imported.
        InstantiationException: the target is missing, or refused its arguments.
    """
    try:
        return instantiate(_settled(node), _convert_="all", **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, NetyardError):
            raise error.__cause__ from None
        raise


def build_all(nodes: Mapping[str, Any] | None) -> list[Any]:
    """Build each node of a group that holds several, as ``callbacks`` does; a null takes one out."""
    return [build(node) for node in (nodes or {}).values() if node and "_target_" in node]


def _settled(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node as plain mappings and lists that were looked through, and in which nothing is left to follow."""
    allowlist.require(node)
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
        allowlist.require(node)
    _require_settled(node)
    return renamed.config(node)


def _require_settled(node: Any) -> None:
    """Hydra would follow an interpolation that is left, to whatever it makes: ``${oc.create:...}`` makes any node."""
    if isinstance(node, Mapping):
        for value in node.values():
            _require_settled(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _require_settled(value)
    elif isinstance(node, str) and "${" in node:
        raise ConfigError(
            f"a value is {node[:200]!r};",
            "an interpolation is followed once, before anything is built;",
            "write the value out.",
        )
