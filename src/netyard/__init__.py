"""netyard: deep-learning experiments of every classic family, from the command line and from Python.

    import netyard

    run = netyard.fit("model=resnet18", "data=cifar10", "trainer.max_epochs=20")
    run.metrics["test/accuracy"]

What is named here is imported when it is first used: ``import netyard`` alone loads neither torch nor Hydra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netyard.api import Run as Run
    from netyard.api import RunList as RunList
    from netyard.api import Sweep as Sweep
    from netyard.api import compose as compose
    from netyard.api import fit as fit
    from netyard.api import list as list
    from netyard.api import load as load
    from netyard.api import runs as runs
    from netyard.api import sweep as sweep
    from netyard.errors import NetyardError as NetyardError

__version__ = "0.1.0"

_HOME = {
    "NetyardError": "netyard.errors",
    **dict.fromkeys(
        ("Run", "RunList", "Sweep", "compose", "fit", "list", "load", "runs", "sweep"),
        "netyard.api",
    ),
}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'netyard' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
