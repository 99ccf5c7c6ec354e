"""The progress of a run in a Jupyter notebook, as HTML that one output cell updates in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

PERIOD = 0.25  # seconds from one drawing to the next: each is a message to the browser


def in_notebook() -> bool:
    """Whether this process is a kernel of Jupyter, and not IPython in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class NotebookBar:
    """A progress bar and a line of text.

    Args:
        total: steps of the run; None of one without end.
        caption: steps done -> the text behind the bar; called at each update.
    """

    def __init__(self, total: int | None, caption: Callable[[int], str]) -> None:
        self._total, self._caption = total, caption
        self._drawn = 0.0
        self._handle: Any = None

    def start(self) -> None:
        from IPython.display import HTML, display

        self._handle = display(HTML(self._html(0)), display_id=True)

    def advance(self, done: int) -> None:
        """Draw so many steps as done, unless that was a moment ago."""
        now = time.monotonic()
        if self._handle is None or now - self._drawn < PERIOD:
            return
        self._drawn = now
        self._show(self._html(done))

    def stop(self) -> None:
        """Leave nothing of it: the lines of the epochs say what has been."""
        if self._handle is not None:
            self._show("")
            self._handle = None

    def _show(self, content: str) -> None:
        from IPython.display import HTML

        self._handle.update(HTML(content))

    def _html(self, done: int) -> str:
        # A progress element without a value is shown as busy, without a fraction.
        place = "" if self._total is None else f' max="{self._total}" value="{done}"'
        return f'<progress style="width:40%"{place}></progress> <code>{self._caption(done)}</code>'
