"""A program that imports modules once and forks for each request, so that the test process is never forked.

An order is a line of JSON; the answer says how the forked process ended, and what it said before that.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from support.warm_processes import TESTS, WarmProcess, WarmServer


class ForkServer:
    """Runs a module that calls ``serve`` in its own process."""

    def __init__(self, server: WarmServer, module: str, *words: str) -> None:
        (theirs, requests), (answers, said) = os.pipe(), os.pipe()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        descriptors = {0: theirs, 1: said, 2: 2}
        self._process = WarmProcess(server.order(["-m", module, *words], TESTS, environment, descriptors))
        for each in (theirs, said):
            os.close(each)
        self._requests, self._answers = os.fdopen(requests, "w"), os.fdopen(answers)

    def order(self, *what: Any) -> None:
        self._requests.write(json.dumps(what, default=str) + "\n")
        self._requests.flush()

    def answer(self) -> tuple[int, Any]:
        """How the process of the next order ended, and what it said."""
        line = self._answers.readline()
        assert line, f"the server has ended with code {self._process.wait()}"
        code, said = json.loads(line)
        return code, said

    def close(self) -> None:
        self._requests.close()
        self._process.wait()
        self._answers.close()


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
