"""What a command of ``netyard`` is: described once, for its help, for the list of commands and for the Tab key."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from netyard import plugins
from netyard.cli.failure import failed
from netyard.config import allowlist
from netyard.errors import Interrupted
from netyard.io import run_log
from netyard.sweeps.arguments import split

WIDTH = 120  # characters of a line of help


@dataclass(frozen=True)
class Option:
    """``name=value`` of a command."""

    shown: str
    """As help shows it, with a default or an example: ``temperature=1.0``."""
    does: str
    values: tuple[str, ...] = ()
    """All that it takes, where they can be counted."""

    @property
    def name(self) -> str:
        return self.shown.partition("=")[0]


@dataclass(frozen=True)
class Command:
    """A command; called with what was typed behind its name, it runs, prints any error and returns the exit code."""

    name: str
    does: str
    """On one line, without a period."""
    usage: str
    """What is typed behind the name."""
    run: Callable[[list[str]], int | str]
    """What was typed -> what is to be printed, or, of one that prints for itself, the exit code."""
    body: tuple[str | Option, ...] = ()
    """Of the help: options, paragraphs, and lines that begin with a space, which stay as they are."""
    alone: bool = False
    """Whether it may be typed without arguments."""

    def __call__(self, arguments: Sequence[str]) -> int:
        run_log.replace_unencodable()
        overrides = list(arguments)
        plugins.warn()
        try:
            overrides = allowlist.taken(arguments)
            printed = self.run(overrides)
            if not isinstance(printed, int):
                print(printed)
            sys.stdout.flush()
            return printed if isinstance(printed, int) else 0
        except BrokenPipeError:  # netyard list | head
            run_log.silence(sys.stdout)
            return 0
        except (Exception, KeyboardInterrupt) as error:
            failure = error if isinstance(error, Exception) else Interrupted(signal.SIGINT)
            return failed(failure, split(overrides)[1])
        finally:
            run_log.stop()

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """Each option's name, with all the values it takes where they can be counted."""
        found: dict[str, tuple[str, ...]] = {}
        for each in self.body:
            if isinstance(each, Option):
                found[each.name] = found.get(each.name, ()) or each.values
        return found

    @property
    def help(self) -> str:
        return "\n".join([f"netyard {self.name} {self.usage}".rstrip(), "", *self._lines()])

    def _lines(self) -> Iterator[str]:
        column = 4 + max((len(each.shown) for each in self.body if isinstance(each, Option)), default=0)
        for each in self.body:
            if isinstance(each, Option):
                first, *more = wrap(each.does, WIDTH - column, break_long_words=False, break_on_hyphens=False)
                yield f"  {each.shown}".ljust(column) + first
                yield from (" " * column + line for line in more)
            elif each.startswith(" ") or not each:
                yield each
            else:
                yield from wrap(each, WIDTH, break_long_words=False, break_on_hyphens=False)
