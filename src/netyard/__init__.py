"""netyard: deep-learning experiments of every classic family, from the command line and from Python.

    import netyard

    run = netyard.fit("model=resnet18", "data=cifar10", "trainer.max_epochs=20")
    run.metrics["test/accuracy"]

The names below are imported at their first use: ``import netyard`` alone imports neither torch nor Hydra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netyard.io.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netyard.api import Run as Run
    from netyard.api import RunList as RunList
    from netyard.api import Sweep as Sweep
    from netyard.api import baseline as baseline
    from netyard.api import compose as compose
    from netyard.api import fit as fit
    from netyard.api import list_options as list  # noqa: F401  (under its own name)
    from netyard.api import load as load
    from netyard.api import runs as runs
    from netyard.api import sweep as sweep
    from netyard.errors import NetyardError as NetyardError


_PUBLIC = {  # name -> module, and its name there
    "NetyardError": ("netyard.errors", "NetyardError"),
    "list": ("netyard.api", "list_options"),
    **{
        name: ("netyard.api", name)
        for name in ("Run", "RunList", "Sweep", "baseline", "compose", "fit", "load", "runs", "sweep")
    },
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:  # PEP 562: called for names that the module does not have
    if name not in _PUBLIC:
        raise AttributeError(f"module 'netyard' has no attribute {name!r}")
    from importlib import import_module

    module, there = _PUBLIC[name]
    return getattr(import_module(module), there)


def __dir__() -> Iterable[str]:
    return sorted({*globals(), *__all__})
