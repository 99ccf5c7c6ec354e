"""Progress bar for Jupyter notebooks: HTML that is updated in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

PERIOD = 0.25  # seconds between updates: each is a message to the browser


def in_notebook() -> bool:
    """Return whether this process is a Jupyter kernel, and not IPython in a terminal."""
    # Only looked up, never imported: a notebook has loaded IPython already, and elsewhere it may not be installed.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")  # the shell of a terminal has no kernel


class NotebookBar:
    """A progress bar and a line of text.

    Args:
        total: number of steps of the run; None if unlimited.
        caption: function from the number of completed steps to the text after the bar; called at each update.
    """

    def __init__(self, total: int | None, caption: Callable[[int], str]) -> None:
        self._total, self._caption = total, caption
        self._updated = 0.0  # time of the last update
        self._handle: Any = None

    def start(self) -> None:
        from IPython.display import HTML, display

        self._handle = display(HTML(self._html(0)), display_id=True)

    def advance(self, done: int) -> None:
        """Show the number of completed steps, at most every ``PERIOD`` seconds."""
        now = time.monotonic()
        if self._handle is None or now - self._updated < PERIOD:
            return
        self._updated = now
        self._show(self._html(done))

    def stop(self) -> None:
        """Remove the bar; the lines of the epochs remain."""
        if self._handle is not None:
            self._show("")
            self._handle = None

    def _show(self, content: str) -> None:
        from IPython.display import HTML

        self._handle.update(HTML(content))

    def _html(self, done: int) -> str:
        # In HTML a progress element without a value is indeterminate: it shows activity without a fraction.
        value = "" if self._total is None else f' max="{self._total}" value="{done}"'
        return f'<progress style="width:40%"{value}></progress> <code>{self._caption(done)}</code>'
