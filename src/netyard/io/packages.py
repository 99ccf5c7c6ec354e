"""Whether an optional package is there, without the seconds that importing it may take."""

from __future__ import annotations

from importlib.util import find_spec


def is_installed(module: str) -> bool:
    """Whether Python finds a module with code; a folder that an uninstallation left behind has none."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):  # of hydra_plugins.NAME, hydra_plugins is imported
        return False
    return spec is not None and spec.origin is not None
