"""Parse and check the arguments of ``netyard export``, without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netyard.config.suggest import did_you_mean, no_such_option
from netyard.errors import ConfigError, PlatformError
from netyard.io.atomic import require_file
from netyard.io.packages import is_installed
from netyard.run_directories.directory import RunDir

SUFFIXES = {"onnx": ".onnx", "pt2": ".pt2", "state_dict": ".pt", "safetensors": ".safetensors"}
"""The suffix of the default file name of each format."""
GRAPHS = ("onnx", "pt2")
"""Formats that contain the computation, not only the weights."""
QUANTIZATIONS = ("dynamic", "static")
PARTS = ("encoder", "decoder")
OPTIONS = ("run", "which", "format", "output", "part", "normalize", "benchmark", "quantize")
_EXTRA = ("onnx", "onnxruntime", "onnxscript")  # packages of the optional dependency ``export``


@dataclass
class Request:
    """The checked arguments of an export."""

    run_dir: RunDir
    format: str
    output: Path
    normalize: bool = False
    """Whether the graph takes pixels in [0, 1], or a table's own units, and includes the normalisation."""
    benchmark: bool = False
    quantize: str | None = None
    """``dynamic`` or ``static``: to 8-bit integers."""
    which: str = "best"
    """The checkpoint: ``best`` or ``last``."""
    part: str | None = None
    """``encoder`` or ``decoder`` of an autoencoder or a VAE; None: the whole network."""


def parse(arguments: Sequence[str]) -> Request:
    """Parse ``key=value`` arguments into a request.

    Raises:
        ConfigError: an unknown option, a missing one, or one that the format does not support.
        CheckpointError: there is no such run.
        PlatformError: a package that the format needs is not installed; the output is not writable.
    """
    options = dict(text.partition("=")[::2] for text in arguments)  # partition() keeps a "=" within a path
    for name in options:
        if name not in OPTIONS:
            raise no_such_option(name, OPTIONS, "export")
    for name, example in (("run", "RUN_DIR"), ("format", "onnx")):
        if not options.get(name):
            raise ConfigError(
                f"{name} was not given;",
                f"an export needs a run and a format, {', '.join(SUFFIXES)};",
                f"type {name}={example}.",
            )
    run_dir, wanted = RunDir(options["run"]), options["format"]
    if wanted not in SUFFIXES:
        raise ConfigError(
            f"there is no format '{wanted}';",
            did_you_mean(wanted, SUFFIXES) or f"formats are {', '.join(SUFFIXES)};",
            "try format=onnx.",
        )
    quantize = options.get("quantize") or None
    if quantize is not None and quantize not in QUANTIZATIONS:
        raise ConfigError(
            f"quantize is {quantize};",
            "weights and activations become 8-bit integers, with ranges of activations measured at inference (dynamic) "
            "or before, on training samples (static);",
            "try quantize=dynamic.",
        )
    normalize, benchmark = (_boolean(options, name) for name in ("normalize", "benchmark"))
    part = options.get("part") or None
    _require_graph(wanted, normalize=normalize, benchmark=benchmark, part=part)
    _check_part(part, normalize, quantize)
    if quantize is not None and wanted != "onnx":
        raise ConfigError(
            f"quantize={quantize} was given with format={wanted};",
            "quantisation is done by ONNX Runtime;",
            "try format=onnx.",
        )
    # After the options, which take no time to check, and before torch is imported, which takes seconds.
    which = options.get("which", "best")
    run_dir.checkpoint(which)
    run_dir.require()
    # The last network is not written over an export of the best one.
    name = ".".join([part or "model", *(["last"] if which == "last" else []), *([quantize] if quantize else [])])
    name += SUFFIXES[wanted]
    if options.get("output"):
        output = Path(options["output"]).expanduser()
        require_file(output, "a file", name)
    else:
        output = run_dir.path / "exports" / name
    if wanted == "onnx":
        _require_packages()
    return Request(run_dir, wanted, output, normalize, benchmark, quantize, which, part)


def _boolean(options: dict[str, str], name: str) -> bool:
    text = options.get(name, "false").lower()
    if text not in ("true", "false"):
        raise ConfigError(f"{name} is {text};", "it is true or false;", f"try {name}=true.")
    return text == "true"


def _check_part(part: str | None, normalize: bool, quantize: str | None) -> None:
    if part is None:
        return
    if part not in PARTS:
        raise ConfigError(
            f"part is {part};",
            "it is encoder or decoder, and without it the whole network is exported;",
            "try part=decoder.",
        )
    if part == "decoder" and normalize:
        raise ConfigError(
            "normalize=true was given with part=decoder;",
            "a decoder reads codes, and always gives pixels in [0, 1] or rows in their own units;",
            "leave normalize out.",
        )
    if quantize is not None:
        raise ConfigError(
            f"quantize={quantize} was given with part={part};",
            "the loss of accuracy is measured by a score of the whole network;",
            "leave one of them out.",
        )


def _require_graph(wanted: str, **options: bool | str | None) -> None:
    for name, value in options.items():
        if value and wanted not in GRAPHS:
            raise ConfigError(
                f"{name}={str(value).lower()} was given with format={wanted};",
                "that format holds weights without a graph;",
                f"try format=onnx, or leave {name} out.",
            )


def _require_packages() -> None:
    missing = [name for name in _EXTRA if not is_installed(name)]
    if missing:
        raise PlatformError(
            f"format=onnx needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed;",
            "the packages for ONNX are an optional dependency;",
            "type pip install 'netyard[export]', or try format=pt2.",
        )
