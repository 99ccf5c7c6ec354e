"""``netyard export run=RUN_DIR format=FORMAT [option=value ...] [output=FILE]``."""

from __future__ import annotations

from collections.abc import Sequence

from netyard import journal, waking
from netyard.exports import request


def export(arguments: Sequence[str]) -> str:
    """What was written, and how near it is to the network; see ``exporting.export``."""
    wanted = request.parse(arguments)
    journal.start(None)
    with waking.torch():
        from netyard import exporting

    return exporting.export(wanted)
