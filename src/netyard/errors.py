"""The errors of netyard, each kind with its exit code.

A message has three parts: what was given, what is allowed, what to type. It is printed as one line, without a
traceback; the traceback is in the run's ``train.log``.
"""

from __future__ import annotations

# The exit codes are part of the interface: scripts and the sweep driver decide by them. 1 is a bug, 2 to 7 are below,
# and codes of 128 and more are signals.


class NetyardError(Exception):
    """An error that the user can fix; subclasses set the exit code. Any other exception is a bug (code 1)."""

    exit_code = 1
    shows_traceback = False  # whether the command prints the traceback above the message

    def __init__(self, given: str, allowed: str = "", type_this: str = "") -> None:
        # Kept apart: callers reuse ``given`` in messages of their own.
        self.given, self.allowed, self.type_this = given, allowed, type_this
        super().__init__(" ".join(part for part in (given, allowed, type_this) if part))

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows (a protocol of IPython): the message alone, as the command line prints it."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(NetyardError, ValueError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class ArgumentError(ConfigError):
    """An argument of a constructor or a function is wrong; in a run its value comes from the configuration.

    It is a ``ValueError`` too, which users of the library may catch. A plain ``ValueError`` is a bug of netyard.
    """


class ForeignCodeError(NetyardError):
    """An exception in code of the user or of another package, such as a class named by ``--allow-target``."""

    exit_code = 2
    shows_traceback = True  # its author needs it


class DataError(NetyardError, ValueError):
    """The data is wrong or missing."""

    exit_code = 3


class CheckpointError(NetyardError):
    """A checkpoint or a run directory is wrong or missing."""

    exit_code = 4


class PlatformError(NetyardError):
    """The machine cannot do what was requested: device, memory, disk, permission, port, a missing package."""

    exit_code = 5


class LostPeer(PlatformError):  # noqa: N818  (an event, not an error)
    """Another process of a distributed run has ended; it may have printed the reason itself."""


class NumericalError(NetyardError):
    """The loss became NaN or infinite."""

    exit_code = 6


class SweepError(NetyardError):
    """The sweep ended, and some of its jobs failed."""

    exit_code = 7


class Interrupted(NetyardError):  # noqa: N818  (an event, not an error)
    """A signal stopped the run after its checkpoint was written."""

    def __init__(self, signal_number: int) -> None:
        self.exit_code = 128 + signal_number  # the convention of shells: 130 for Ctrl-C, 143 for SIGTERM
        super().__init__(f"interrupted by signal {signal_number}.")


class Pruned(NetyardError):  # noqa: N818  (an event, not an error)
    """The pruner of a sweep stopped a job whose metric was worse than other jobs' at that epoch."""

    exit_code = 0  # not a failure: its checkpoints and metrics are written

    def __init__(self, epoch: int, monitor: str, value: float) -> None:
        super().__init__(f"pruned after epoch {epoch}: {monitor} {value:.4g} is behind the sweep's other jobs.")


def lost_peer(sign: str) -> LostPeer:
    """Return the error for a run in which another process has ended; ``sign`` says how that was noticed."""
    return LostPeer(
        f"another process of this run is gone ({sign});",
        "a distributed run stops when one of its processes ends;",
        "see its own message above, or whether the system has killed it, and continue with resume=RUN_DIR.",
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
