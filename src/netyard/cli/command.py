"""A command of ``netyard``, described once for its help, the list of commands and completion by the Tab key."""

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
from netyard.run_directories.directory import WHICH
from netyard.sweeps.arguments import split

WIDTH = 120  # characters of a line of help


@dataclass(frozen=True)
class Option:
    """An option ``name=value`` of a command."""

    shown: str
    """As the help shows it, with the default or an example: ``temperature=1.0``."""
    does: str
    values: tuple[str, ...] = ()
    """All allowed values, if they can be listed."""

    @property
    def name(self) -> str:
        return self.shown.partition("=")[0]


# Of every command that uses a trained network.
WHICH_OPTION = Option("which=best", "the network of the best epoch, or of the last one", values=WHICH)


@dataclass(frozen=True)
class Command:
    """A command. Calling it with its arguments runs it, prints any error and returns the exit code."""

    name: str
    does: str
    """On one line, without a period."""
    usage: str
    """The arguments, as the help shows them."""
    run: Callable[[list[str]], int | str]
    """Arguments -> the text to print, or the exit code, if the function prints by itself."""
    body: tuple[str | Option, ...] = ()
    """The body of the help: options, paragraphs, and lines that start with a space, which are not wrapped."""
    alone: bool = False
    """Whether it works without arguments; otherwise it prints its help then."""

    def __call__(self, arguments: Sequence[str]) -> int:
        run_log.replace_unencodable()
        overrides = list(arguments)
        plugins.warn()  # packages that cannot be used; every command may depend on them
        try:
            overrides = allowlist.take_flags(arguments)  # --allow-target works with every command
            printed = self.run(overrides)
            if not isinstance(printed, int):
                print(printed)
            sys.stdout.flush()  # a closed pipe has to fail here, inside of try, and not at the end of the process
            return printed if isinstance(printed, int) else 0
        except BrokenPipeError:  # netyard list | head
            run_log.silence(sys.stdout)  # or Python would print the error again when it flushes at exit
            return 0
        except (Exception, KeyboardInterrupt) as error:
            failure = error if isinstance(error, Exception) else Interrupted(signal.SIGINT)
            return failed(failure, split(overrides)[1])
        finally:
            run_log.stop()

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """The name of each option, with all its allowed values, if they can be listed."""
        found: dict[str, tuple[str, ...]] = {}
        for each in self.body:
            if isinstance(each, Option):
                # An option may have several lines in the help; the values are at the first.
                found[each.name] = found.get(each.name, ()) or each.values
        return found

    @property
    def help(self) -> str:
        return "\n".join([f"netyard {self.name} {self.usage}".rstrip(), "", *self._lines()])

    def _lines(self) -> Iterator[str]:
        # Where the descriptions start: two spaces, the longest option, two spaces.
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
