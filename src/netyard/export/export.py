"""``netyard export``: the network of a run as a file for other programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from netyard.errors import ConfigError
from netyard.export import description, graph, latency, parts, program, weights
from netyard.export.request import Request
from netyard.io.atomic import open_atomically
from netyard.io.readable import short_path
from netyard.io.version import __version__
from netyard.tasks.interfaces import Exportable, NormalizedData, StatesExportFacts
from netyard.training import checkpoint
from netyard.training.performance import set_threads


def export(request: Request) -> str:
    """Write the file of a request; returns a message with its path and its largest difference from the network.

    Raises:
        ConfigError: the network, its task or its data do not support the request.
        PlatformError: the outputs of the file differ from those of the network. The file is deleted.
    """
    recorded, config, choices = checkpoint.read_of(request.run_dir, request.which)
    task = checkpoint.rebuild(recorded, request.run_dir.checkpoint(request.which))
    data: Any = checkpoint.build_data(recorded, config)
    set_threads(config["threads"], task, config["data"])
    return write(request, task, data, description.of_run(__version__, choices, config, data))


def write(request: Request, task: Any, data: Any, of_run: dict[str, Any]) -> str:
    """Export a task that is already built; ``of_run`` is the description of its run."""
    if isinstance(task, StatesExportFacts):
        of_run = {**of_run, **task.export_facts()}
    if request.part:
        of_run = {**of_run, "part": request.part}
    if request.format in ("state_dict", "safetensors"):
        return _weights(request, task.net, of_run)
    return _graph(request, _signature(request, task, data, of_run["task"]), data, of_run)


def _signature(request: Request, task: Any, data: Any, choice: str) -> Any:
    """The export signature of the task; it includes the normalisation of its inputs if the request says so."""
    if not isinstance(task, Exportable):
        raise ConfigError(
            f"{request.run_dir.path} is a run of task={choice}, which has no export signature;",
            "a task that is exported as a graph has a method export_signature();",
            "try format=state_dict.",
        )
    part = request.part
    signature = parts.signature_of(part, task, choice) if part else task.export_signature()
    if request.quantize and signature.score is None:
        raise ConfigError(
            f"quantize was given for a run of task={choice};",
            "the loss of accuracy is measured by a score on the test split, which classification, regression, "
            "forecasting, language and reconstruction tasks have;",
            "leave it out.",
        )
    if not request.normalize:
        return graph.in_own_units(signature, data)
    if not signature.reads_data or not (isinstance(data, NormalizedData) and data.own_units):
        raise ConfigError(
            f"normalize=true was given for a run of task={choice} on data that are not normalised;",
            "images and tables are normalised;",
            "leave it out.",
        )
    return graph.Normalized(signature, data)


def _weights(request: Request, net: Any, of_run: dict[str, Any]) -> str:
    state = weights.state_of(net)
    with _write_verified(request.output) as file:
        draft = _overwrite(file, weights.to_bytes(state, request.format, of_run))
        weights.verify(draft, state, request.format)
    lines = [f"{len(state)} tensors in {short_path(request.output)}"]
    return "\n".join([*lines, net.loaded_by()] if hasattr(net, "loaded_by") else lines)


def _graph(request: Request, signature: Any, data: Any, of_run: dict[str, Any]) -> str:
    inputs = signature.examples(data, 2)  # not 1: torch.export takes an axis of size 1 for fixed
    described = {**of_run, **description.of_graph(signature, inputs, data, request.normalize)}
    kind: Any = program
    if request.format == "onnx":
        from netyard.export import onnx_file as kind  # imports onnxruntime, an optional dependency
    content = kind.to_bytes(signature, inputs, described)
    files, lines = {}, []
    with _write_verified(request.output) as file:
        draft = _overwrite(file, content)
        files[request.format] = kind.opened(draft)
        worst = graph.verify(signature, files[request.format], data, request.format)
        lines.append(f"largest difference from the network in batches of 1, 2 and 7: {worst:.1g} of the largest output")
        if request.quantize:
            from netyard.export import int8

            data.prepare_data()  # calibration and score read the data set, which may have to be downloaded
            small = int8.quantized(content, request.quantize, signature, data)
            # ``files["onnx"]`` still works: ONNX Runtime has read the float file into memory.
            files["int8"] = kind.opened(_overwrite(file, small))
            before, after = (int8.score(files[name], signature, data) for name in ("onnx", "int8"))
            lines.append(
                f"in 8-bit integers {signature.score.name} changes from {before[0]:.4f} to {after[0]:.4f} on the test "
                f"split ({after[1]:,} samples), and the file from {len(content):,} to {len(small):,} bytes"
            )
    if request.benchmark:
        lines.append(latency.table(signature, data, files))
    names = ", ".join(described["inputs"]), ", ".join(described["outputs"])
    return "\n".join([f"{names[0]} -> {names[1]} in {short_path(request.output)}", *lines])


@contextlib.contextmanager
def _write_verified(output: Path) -> Iterator[IO[bytes]]:
    """A temporary file beside the output, renamed to it if the block succeeds; on an error nothing is left."""
    made = not output.parent.exists()  # open_atomically() creates it
    try:
        with open_atomically(output, "wb") as file:
            yield file
    except BaseException:  # Ctrl-C, too
        if made:
            with contextlib.suppress(OSError):  # another process may have put a file into it
                output.parent.rmdir()
        raise


def _overwrite(file: IO[bytes], content: bytes) -> Path:
    """Overwrite the content of a temporary file; returns its path."""
    file.seek(0)
    file.truncate()
    file.write(content)
    file.flush()  # it is read by its path before it is closed
    return Path(file.name)
