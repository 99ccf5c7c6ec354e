"""``netyard export RUN_DIR format=FORMAT [option=value ...] [output=FILE]``."""

from __future__ import annotations

from collections.abc import Sequence

from netyard.cli import torch_import
from netyard.cli.arguments import with_run
from netyard.cli.command import WHICH_OPTION, Command, Option
from netyard.export import request
from netyard.io import run_log


def export(arguments: Sequence[str]) -> str:
    """Export a run's network; returns the file that was written, and how much its outputs differ."""
    # Parsed before torch is imported: a mistake in an option is reported at once.
    wanted = request.parse(with_run(arguments, "export"))
    run_log.start(None)  # messages of netyard to the console; None: no run directory gets a train.log
    # torch.onnx and the exporters take further seconds to import, so they come last.
    with torch_import.torch():
        from netyard.export import export as exporting

    return exporting.export(wanted)


COMMAND = Command(
    name="export",
    does="Write a trained network as a file for other programs",
    usage="RUN_DIR format=FORMAT [option=value ...] [output=FILE]",
    run=export,
    body=(
        (
            "Writes the network of a run as a file for other programs, by default RUN_DIR/exports/model.*. A file "
            "with a graph takes batches of any size; its outputs are compared with the network's on batches of 1, 2 "
            "and 7 before it gets its final name."
        ),
        Option("run=RUN_DIR", "the run; RUN_DIR alone is enough"),
        WHICH_OPTION,
        Option("output=FILE", "where to write it"),
        # The formats, the default first; each one has a writer in netyard.export.
        Option(
            "format=onnx",
            "an ONNX graph (opset 20; pip install 'netyard[export]'), described in its metadata",
            values=tuple(request.SUFFIXES),
        ),
        Option(
            "format=pt2", "a program of torch.export, for torch.export.load; its description is netyard.json inside"
        ),
        Option(
            "format=state_dict",
            "weights by the names that timm or torchvision gives them, or our own: for load_state_dict",
        ),
        Option("format=safetensors", "the same weights in safetensors, described in its metadata"),
        Option(
            "part=decoder",
            "of an autoencoder or a VAE: codes -> pictures in [0, 1] or rows in own units, as netyard generate latent= "
            "gives; exports/decoder.*",
            values=request.PARTS,
        ),
        Option("part=encoder", "... inputs -> codes, as netyard predict codes=true gives; exports/encoder.*"),
        Option(
            "normalize=true",
            "the graph takes pixels in [0, 1], or rows of a table in their own units, and normalises them",
        ),
        Option("benchmark=true", "latency of one sample and of 32: the network, compiled, and the file"),
        Option(
            "quantize=dynamic",
            "ONNX in 8-bit integers, activations by the range that each batch has",
            values=request.QUANTIZATIONS,
        ),
        Option(
            "quantize=static", "... or by ranges measured on training samples; either is scored on the run's test part"
        ),
        # The names of inputs and outputs are those of `tasks.signature`, which the exported file repeats.
        "",
        "What goes in and comes out, by task:",
        "  classification      input                -> logits, probabilities",
        "  regression          input                -> value, in the target's unit",
        "  forecasting         input, its own unit  -> forecast, in the series' own unit",
        "  language            tokens               -> logits of the token after each",
        "  translation         source, tokens       -> logits of the token after each; the loop that writes is yours",
        "  reconstruction      input                -> reconstruction, code",
        (
            "  variational         input [label]        -> reconstruction, code (its mean); vector_quantized: "
            "codes, in words"
        ),
        "  adversarial         noise [label]        -> picture, pixels in [0, 1]",
        "  q_learning          observation          -> q_values",
    ),
)
