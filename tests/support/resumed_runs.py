"""A finished run that looks as if it had been killed, and a resume that is refused and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from support.command_result import Ran


def killed(path: Path) -> None:
    """Let a run look as if it had been killed after its last save."""
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({**status, "state": "running", "ended": None}))
    (path / "results.json").unlink(missing_ok=True)


def times(path: Path) -> dict[Path, int]:
    """Return when each file of results was changed."""
    found = {each: each.stat().st_mtime_ns for each in path.rglob("*") if each.is_file()}
    return {each: time for each, time in found.items() if ".hydra" not in each.parts and each.suffix != ".log"}


def check_refused(train: Callable[..., Ran], begun: Path, change: str, said: str) -> None:
    """A resume with a change of the experiment says what has changed, in one line, and leaves the run as it is."""
    before = times(begun / "checkpoints")
    records = [begun / "status.json", *(begun / ".hydra").iterdir()]
    contents = [path.read_bytes() for path in records]
    ran = train(f"resume={begun}", change, "trainer.max_epochs=4", path=begun)
    assert ran.code == 2
    assert ran.err.startswith("error: cannot resume ") and f": {said}" in ran.err and len(ran.err.splitlines()) == 1
    assert times(begun / "checkpoints") == before
    assert [path.read_bytes() for path in records] == contents, "so that it can be resumed as it was"
