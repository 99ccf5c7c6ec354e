"""Print the error of a failed command: one line in three parts, or the traceback if it is a bug in netyard."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from netyard.cli.error_messages import explain
from netyard.errors import Interrupted
from netyard.io import redact
from netyard.io.process import is_main_process
from netyard.training import distributed


def failed(error: BaseException, overrides: Sequence[str]) -> int:
    """Print the error; returns the exit code.

    The traceback is printed for a bug and for code of the user, and for any error under Hydra's ``HYDRA_FULL_ERROR=1``.
    """
    mistake = explain(error, overrides)
    # One message for a run, not one for each device. The other ranks wait: torchrun stops rank 0 when one of them ends.
    if not is_main_process():
        distributed.wait_for_rank_0_message()
        return mistake.exit_code if mistake else 1
    if mistake is None or mistake.shows_traceback or os.environ.get("HYDRA_FULL_ERROR") == "1":
        # The lines of a traceback may contain passwords of database URLs.
        print(redact.text("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    if mistake is None:
        print("error: a bug in netyard, not in your command; please report it with the lines above.", file=sys.stderr)
        return 1
    # Ctrl-C is not an error.
    prefix = "" if isinstance(mistake, Interrupted) else "error: "
    print(redact.text(f"{prefix}{mistake}"), file=sys.stderr)
    return mistake.exit_code
