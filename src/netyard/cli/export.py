"""``netyard export run=RUN_DIR format=FORMAT [option=value ...] [output=FILE]``."""

from __future__ import annotations

from collections.abc import Sequence

from netyard.cli import torch_import
from netyard.export import request
from netyard.io import run_log


def export(arguments: Sequence[str]) -> str:
    """What was written, and how near it is to the network; see ``exporting.export``."""
    wanted = request.parse(arguments)
    run_log.start(None)
    with torch_import.torch():
        from netyard.export import export as exporting

    return exporting.export(wanted)
