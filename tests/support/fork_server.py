"""A program that imports modules once and forks for each request, so that the test process is never forked.

An order is a line of JSON; the answer says how the forked process ended, and what it said before that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class ForkServer:
    """Runs a module that calls ``serve`` in its own process."""

    def __init__(self, module: str, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, *what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what, default=str) + "\n")
        self._process.stdin.flush()

    def answer(self) -> tuple[int, Any]:
        """How the process of the next order ended, and what it said."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the server has ended with code {self._process.wait()}"
        code, said = json.loads(line)
        return code, said

    def close(self) -> None:
        self._process.communicate(timeout=60)


def serve(obey: Callable[..., object]) -> None:
    """In that program: call ``obey`` with each request in a forked process, until there are no more requests."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed is no answer
    for line in sys.stdin:
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            try:
                answer = obey(*json.loads(line))
            except BaseException:
                answer = traceback.format_exc()
            with os.fdopen(writer, "w") as file:
                json.dump(answer, file)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            said = file.read()
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(json.dumps([code, json.loads(said or "null")]), file=answers, flush=True)
