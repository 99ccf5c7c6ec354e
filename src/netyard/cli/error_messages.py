"""Turn any error into a three-part message, with suggestions for mistyped names. Imports no torch."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from netyard import plugins
from netyard.cli import torch_import
from netyard.config import allowlist, catalog, environment_variables, synonyms
from netyard.config.suggest import all_keys, did_you_mean, nearest, no_such_key
from netyard.errors import ConfigError, ForeignCodeError, NetyardError, PlatformError, first_line, lost_peer
from netyard.io.process import train_command
from netyard.io.readable import listed

_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT)
_OF_THE_MACHINE = (  # errors of the machine; others, like a missing file, are bugs in netyard
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EIO, errno.ESTALE, errno.EFBIG, errno.EBUSY, errno.ENXIO, errno.ENODEV),
    *(errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM),  # a limit of this process or its user
)
# How Hydra's messages start if the constructor raised; its other messages mean that the class was not found.
_IN_THE_CALL = ("Error in call to target", "Error in creating partial")
# Parts of messages of torch about tensors that no memory has room for.
_TOO_LARGE = ("can't allocate memory", "Storage size calculation overflowed", "invalid tensor size")
# Lightning's message about a share of the batches that rounds to none: the share, the stage, the number of batches.
_SHARE_OF_NOTHING = re.compile(r"requested to check ([\d.]+) of the `(\w+?)_dataloader` but [\d.]+ \* (\d+) < 1")
# Parts of messages of gloo and NCCL after another rank of the run has ended.
_LOST_PEER = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "NCCL communicator was aborted")


@contextlib.contextmanager
def explained(overrides: Sequence[str] = ()) -> Iterator[None]:
    """Inside, errors that a user can fix become the ``NetyardError`` that a command prints; bugs pass unchanged."""
    try:
        yield
    except Exception as error:
        explained_error = explain(error, overrides)
        if explained_error is None or explained_error is error:
            raise
        raise explained_error from error


def explain(error: BaseException, overrides: Sequence[str] = ()) -> NetyardError | None:
    """The error with a message for the user, or None if it is a bug in netyard.

    Errors of netyard's own classes are messages already. Of other classes, only errors about the config, the machine or
    the user's own code are explained; any other error, including a ``ValueError``, counts as a bug in netyard.
    """
    if isinstance(error, NetyardError):
        return error
    # The order matters: each test below is less specific than those above.
    if isinstance(error, OmegaConfBaseException) and (wrapped := _of_a_resolver(error)):
        return wrapped
    if isinstance(error, OmegaConfBaseException) and (variable := environment_variables.named_in(error)):
        return environment_variables.unset(variable)
    if isinstance(error, InstantiationException):
        return _from_target(error)
    if isinstance(error, OverrideParseException):
        return ConfigError(
            f"'{error.override}' cannot be read as an override;",
            "overrides are key=value; one with spaces, brackets or commas needs quotes around the whole;",
            "try for instance 'model.hidden_sizes=[64,64]'.",
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _from_composition(error, overrides)
    # Hydra raises plain errors for some malformed overrides.
    if isinstance(error, ValueError | TypeError) and _raised_in("hydra._internal.", error):
        return _from_composition(error, overrides)
    if type(error).__name__ == "MisconfigurationException":  # by name: importing Lightning takes seconds
        if share := _SHARE_OF_NOTHING.search(str(error)):
            return ConfigError(
                f"trainer.limit_{share[2]}_batches is {share[1]}, of {share[3]} batch{'es' * (share[3] != '1')};",
                "a share is of one batch at least;",
                f"try trainer.limit_{share[2]}_batches=1.",
            )
        return ConfigError(
            f"Lightning refuses these settings: {_first_line(error)};",
            "trainer holds the arguments of its Trainer;",
            f"{train_command()} --cfg job prints those that are set.",
        )
    if isinstance(error, RuntimeError | MemoryError) and (found := _of_the_machine(error)):
        return found
    if isinstance(error, OSError) and error.errno in _OUT_OF_SPACE:
        return PlatformError(
            f"the disk is full: {error};",
            "a run needs space for its checkpoints;",
            "try hydra.run.dir=DIR on another disk.",
        )
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return PlatformError(
            f"{f'{error.filename}: ' * bool(error.filename)}{error.strerror};",
            "a run needs permission for its files, a working disk, and the limits of ulimit -a;",
            "check that path and those limits, or try hydra.run.dir=DIR elsewhere.",
        )
    # An extra, or a library of one, that is missing or broken.
    missing = torch_import.culprit(error) if isinstance(error, ImportError) else None
    return _from_foreign_code(error) or (torch_import.unusable(missing, error) if missing else None)


def _of_the_machine(error: RuntimeError | MemoryError) -> NetyardError | None:
    """Errors about memory, ports, processes and home directories, which can be identified only by their text."""
    words = str(error)
    # The CPU allocator raises a plain RuntimeError; CUDA has a class, which is compared by name to avoid the import.
    too_large = any(text in words for text in _TOO_LARGE)
    memory = too_large or type(error).__name__ == "OutOfMemoryError"
    if memory or isinstance(error, MemoryError):
        return PlatformError(
            f"there is not enough memory: {_first_line(error)}{_taken_so_far()};",
            "a step needs room for the network, its gradients, the optimizer's state and one batch, a loader for its"
            " workers;",
            "try a smaller data.batch_size, or a smaller data.num_workers.",
        )
    if lost := [word for word in _LOST_PEER if word in words]:
        return lost_peer(lost[0])
    if "EADDRINUSE" in words:
        return PlatformError(
            f"the port for the processes of this run is in use: MASTER_PORT={os.environ.get('MASTER_PORT')};",
            "without MASTER_PORT a free port is chosen;",
            "unset MASTER_PORT, or choose another port.",
        )
    if "determine home directory" in words:
        return PlatformError(
            "no home directory is known: neither HOME nor the system says where it is;",
            "data sets are read from and downloaded to ~/.cache/netyard by default;",
            "set HOME, or NETYARD_DATA=FOLDER.",
        )
    return None


def _taken_so_far() -> str:
    try:
        import resource  # POSIX only
    except ImportError:
        return ""
    # ru_maxrss is in bytes on macOS, and in kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f", after {peak / 1e9:.1f} GB of this process"


def _of_a_resolver(error: BaseException | None) -> NetyardError | None:
    """The NetyardError that a resolver of netyard raised: OmegaConf wraps it once or twice."""
    while error is not None and not isinstance(error, NetyardError):
        error = error.__cause__ or error.__context__
    return error


def _frames(error: BaseException) -> list[TracebackType]:
    """The traceback of an error, from the outermost call to the one that raised it."""
    found, frame = [], error.__traceback__
    while frame is not None:
        found.append(frame)
        frame = frame.tb_next
    return found


def _module(frame: TracebackType) -> str:
    return str(frame.tb_frame.f_globals.get("__name__", ""))


def _raised_in(package: str, error: BaseException) -> bool:
    """Whether code of that package itself raised the error, not code that it called."""
    frames = _frames(error)
    return bool(frames) and _module(frames[-1]).startswith(package)


def _foreign_packages() -> set[str]:
    """The packages that the user has allowed or installed; not the libraries that netyard's ``conf/`` names."""
    brought = {*allowlist.allowed(), *(each.package for each in plugins.installed())}
    return {_top(name) for name in brought} - {_top(name) for name in allowlist.netyard_targets()}


def _top(name: str) -> str:
    return name.partition(".")[0]


def _from_foreign_code(error: BaseException, target: str = "") -> ForeignCodeError | None:
    """The error for a failure in the user's own code; None if netyard or a library is responsible.

    An error inside a library is attributed to the innermost caller that belongs to netyard or to the user's packages.
    """
    packages = _foreign_packages()
    callers = [frame for frame in _frames(error) if _top(_module(frame)) in {"netyard", *packages}]
    if callers and _top(_module(callers[-1])) in packages:
        place = f"{_module(callers[-1])}, line {callers[-1].tb_lineno}"
    elif _top(target) in packages and not callers:  # an extension in C, or a module that could not be imported
        place = "its module"
    else:
        return None
    return ForeignCodeError(
        f"{target or _module(callers[-1])} raised {type(error).__name__}: {_first_line(error)};",
        "this is code of a package that you have installed or allowed, not netyard's;",
        f"fix it at {place}, see the lines above.",
    )


def _from_target(error: InstantiationException) -> NetyardError | None:
    """The error for a class that could not be built; None if it is a bug in netyard."""
    cause = error.__cause__ or error.__context__
    # The only places of target and key are Hydra's message: Error in call to target 'a.b.C': ... full_key: model
    target = str(error).partition("'")[2].partition("'")[0]
    where = str(error).partition("full_key: ")[2].strip() or target.rpartition(".")[2] or "a node of the config"
    if isinstance(cause, NetyardError | OSError):
        return cause if isinstance(cause, NetyardError) else PlatformError(str(cause))
    if isinstance(cause, RuntimeError | MemoryError) and (found := _of_the_machine(cause)):
        return found
    if isinstance(cause, ImportError) and str(error).startswith(_IN_THE_CALL) and not _from_foreign_code(cause, target):
        return _without_package(where, cause)
    if isinstance(cause, TypeError) and _raised_in("hydra._internal.", cause):  # the call itself, nothing inside of it
        return _misfit(where, cause)
    if cause is None or not str(error).startswith(_IN_THE_CALL):
        # Hydra raises an ImportError from the error of the module.
        loading = cause.__cause__ if cause is not None else None
        if loading is not None and (foreign := _from_foreign_code(loading, target)):
            return foreign
        if isinstance(loading, ImportError | OSError | RuntimeError) and (missing := torch_import.culprit(loading)):
            return torch_import.unusable(missing, loading)
        return ConfigError(
            f"{where} cannot be built: {_first_line(error)};",
            "_target_ is the dotted name of a class that Python can import;",
            "check its spelling, and that its package is installed.",
        )
    if foreign := _from_foreign_code(cause, target):
        return foreign
    if not target or _top(target) == "netyard":
        return None  # netyard's constructors raise NetyardError for wrong arguments, so this is a bug
    # torch, Lightning and timm check their arguments, in wrappers that make the error look like their own.
    if isinstance(cause, TypeError):
        return _misfit(where, cause)
    return ConfigError(
        f"{where} cannot be built: {_first_line(cause)};",
        f"the keys of its node are the parameters of {target}, in the ranges it documents;",
        f"{train_command()} --cfg job prints those that are set.",
    )


def _without_package(where: str, error: ImportError) -> PlatformError:
    """The error of a class that needs a package which is not there, as a logger of Lightning."""
    # Lightning's errors have the requirement in their text, in quotes or in a command.
    quoted = re.search(r"pip install (?:-U )?['\"]?([\w.-]+)|['\"`]([\w.-]+)", str(error))
    package = (error.name or "").partition(".")[0] or (quoted and (quoted[1] or quoted[2])) or "PACKAGE"
    return PlatformError(
        f"{where} cannot be built: {_first_line(error)};",
        "it needs a package that is not installed, or cannot be imported;",
        f"type pip install {package}.",
    )


def _misfit(where: str, error: TypeError) -> ConfigError:
    return ConfigError(
        f"{where} cannot be built: {error};",
        "the keys of a node are the parameters of its _target_;",
        f"{train_command()} --cfg job prints those that are set.",
    )


def _from_composition(error: Exception, overrides: Sequence[str]) -> ConfigError:
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        meant = synonyms.OPTIONS.get(group, {}).get(synonyms.plain(option))
        guess = [meant] if meant else nearest(option, error.options)
        return ConfigError(
            f"there is no {group}={option};",
            f"did you mean {group}={meant}?" * bool(meant)
            or did_you_mean(option, error.options)
            or f"{group} is one of {listed(error.options)};",
            f"try {group}={guess[0]}." if guess else f"netyard list {group} prints them all.",
        )
    # From here on the message of Hydra is too vague; look for the override that it may be about.
    parsed = _parsed(overrides)
    if mistake := next(filter(None, map(_no_option, parsed)), None):
        return mistake
    # Hydra's message names one override; the nearest existing key is searched among those of the chosen options.
    keys = all_keys(overrides)
    alone = "Ambiguous value" in str(error)  # several values, and no -m
    for override in parsed:
        mistake = _several(override) if alone else _unknown_key(override, keys)
        if mistake is not None:
            return mistake
    return ConfigError(
        f"{_first_line(error)};",
        "overrides are key=value of keys that exist;",
        f"{train_command()} --cfg job prints them.",
    )


def _several(override: Override) -> ConfigError | None:
    """The error of several values for one key without ``-m``."""
    if not override.is_sweep_override():
        return None
    return ConfigError(
        f"{override.input_line} has several values;",
        "a single run takes one value, a sweep takes several;",
        f"try {train_command()} -m {override.input_line}, or quote a list: '{override.key_or_group}=[...]'.",
    )


def _no_option(override: Override) -> ConfigError | None:
    """The error of a group whose option is not a name."""
    group = override.key_or_group
    if group not in catalog.GROUPS or override.is_sweep_override():
        return None
    value = override.value()
    words = value if isinstance(value, list) and group in catalog.LISTS else [value]
    if all(isinstance(word, str) for word in words):
        return None
    options = catalog.options(group)
    return ConfigError(
        f"{override.input_line} is not an option of {group};",
        f"{group} is one of {listed(options)};",
        f"try {group}={options[0]}{', or leave it out' * (value is None)}.",
    )


def _unknown_key(override: Override, keys: Sequence[str]) -> ConfigError | None:
    """The error of an override whose key does not exist; None if it exists."""
    key = override.key_or_group
    if override.is_add() and key in keys and not override.is_force_add():
        return ConfigError(
            f"{override.input_line} adds a key that is there already;",
            "a plus is for keys that the config does not have;",
            f"try {str(override.input_line).lstrip('+')}.",
        )
    # +key adds a key, and Hydra checks its own.
    if override.is_add() or key.startswith("hydra") or key in keys or key in catalog.GROUPS:
        return None
    return no_such_key(key, str(override.input_line), keys)


def _parsed(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    return [parser.parse_override(text) for text in overrides]


def _first_line(error: BaseException) -> str:
    return first_line(error).rstrip(".;")  # the caller adds its own punctuation
