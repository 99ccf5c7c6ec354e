"""What can go wrong, and the exit code each kind ends the process with.

A message has three parts: what was given, what is allowed, what to type. It is printed as one line, without a
traceback; the traceback is in the run's ``train.log``.
"""

from __future__ import annotations


class NetyardError(Exception):
    """Something the user can act on. Subclasses fix the exit code; a plain ``Exception`` is a bug in us (code 1)."""

    exit_code = 1
    shows_traceback = False  # above the message

    def __init__(self, given: str, allowed: str = "", type_this: str = "") -> None:
        self.given, self.allowed, self.type_this = given, allowed, type_this
        super().__init__(" ".join(part for part in (given, allowed, type_this) if part))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows, by IPython's protocol: the message, as the command line prints it."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(NetyardError, ValueError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class ArgumentError(ConfigError):
    """An argument of a constructor or a function is wrong; in a run its value comes from the configuration.

    It is a ``ValueError`` too, which users of the library may catch. A bare ``ValueError`` is a bug in us.
    """


class ForeignCodeError(NetyardError):
    """Code that is neither netyard's nor a library's failed: of a class that the user brought along."""

    exit_code = 2
    shows_traceback = True  # only its author can mend it


class DataError(NetyardError, ValueError):
    """The data is wrong or missing."""

    exit_code = 3


class CheckpointError(NetyardError):
    """A checkpoint or a run directory is wrong or missing."""

    exit_code = 4


class PlatformError(NetyardError):
    """The machine cannot do it: device, memory, disk, permission, port, a missing extra."""

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
    """A signal ended the run after its checkpoint was written."""

    def __init__(self, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(f"interrupted by signal {signal_number}.")


class Pruned(NetyardError):  # noqa: N818  (an event, not an error)
    """A sweep gave up a job that did worse than others had at its age; its checkpoints are written."""

    exit_code = 0

    def __init__(self, epoch: int, monitor: str, value: float) -> None:
        super().__init__(f"pruned after epoch {epoch}: {monitor} {value:.4g} is behind the sweep's other jobs.")


def lost_peer(sign: str) -> LostPeer:
    """The error when another process of the run has ended; ``sign`` is how that was noticed."""
    return LostPeer(
        f"another process of this run is gone ({sign});",
        "processes that train together end together;",
        "look for its own message above, or for the system having killed it, and continue with resume=RUN_DIR.",
    )
