"""Build objects from config nodes: the only place that calls ``hydra.utils.instantiate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from netyard.config import allowlist, constraints, renamed
from netyard.errors import ConfigError, NetyardError


def build(node: Mapping[str, Any], **arguments: Any) -> Any:
    """Call a node's ``_target_`` with its keys and the given arguments; lists and dicts become plain Python objects.

    Raises:
        NetyardError: raised by the target, without Hydra's exception around it.
        ConfigError: a name in the node is not allowed, see ``allowlist``; nothing was imported.
        InstantiationException: the target does not exist, or raised another error.
    """
    try:
        # _convert_="all": constructors get lists and dicts, never OmegaConf objects, which pickle poorly. In the node,
        # because Hydra would merge a keyword into a copy of it, which takes a third of the time.
        return instantiate({**_checked(node), "_convert_": "all"}, **arguments)
    except InstantiationException as error:
        if isinstance(error.__cause__, NetyardError):  # already a message for the user
            raise error.__cause__ from None
        raise


def build_all(nodes: Mapping[str, Any] | None) -> list[Any]:
    """Build each node of a group with several, such as ``callbacks``; a node that is null is skipped."""
    return [build(node) for node in (nodes or {}).values() if node and "_target_" in node]


def _checked(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node as plain mappings and lists, checked, and without interpolations."""
    allowlist.require(node)
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
        allowlist.require(node)  # again: an interpolation may have inserted a name
    _require_resolved(node)
    # Last, because an old checkpoint names classes by their former modules.
    return as_texts(renamed.config(node))


def as_texts(node: Any) -> Any:
    """The node with numbers and booleans as text where a constructor takes texts, as a column that is called 1."""
    if not isinstance(node, Mapping):
        return [*map(as_texts, node)] if isinstance(node, list) else node
    target = node.get("_target_")
    known = constraints.of(target) if isinstance(target, str) else {}
    return {name: known[name].text(value) if name in known else as_texts(value) for name, value in node.items()}


def _require_resolved(node: Any) -> None:
    """Raise ConfigError for an interpolation. Hydra would resolve it: ``${oc.create:...}`` could create any node."""
    if isinstance(node, Mapping):
        for value in node.values():
            _require_resolved(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _require_resolved(value)
    elif isinstance(node, str) and "${" in node:  # it was escaped, \${, or came from another interpolation
        raise ConfigError(
            f"a value is {node[:200]!r};",
            "interpolations are resolved once, before anything is built;",
            "write the value itself.",
        )
