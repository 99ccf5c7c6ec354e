"""Runs on the file of a bad series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from support.command_result import Ran


def check_refused(
    train: Callable[..., Ran], path: Path, text: str | None, words: Sequence[str], code: int, message: str
) -> None:
    """A run on a file with this text, or on no file, ends with this code and message."""
    if text is not None:
        path.write_text(text)
    ran = train("data=series", f"data.path={path}", "data.column=y", *words, "logger=none")
    assert ran.code == code, ran.err
    assert message in " ".join(ran.err.split()) and "Traceback" not in ran.err
