"""An exported decoder computes what ``generate latent=`` gives, for every kind of data, and an encoder its codes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netyard.export import description, graph, parts
from netyard.inference import codes
from netyard.io.rows import Rows
from netyard.tasks.interfaces import EncodesCodes
from support.exports import untrained


def numbers(made: Any) -> torch.Tensor:
    return made if isinstance(made, torch.Tensor) else torch.tensor([[*row.values()] for row in made])


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("model=autoencoder_tiny",), {"picture": "(batch, 1, 8, 8), pixels in [0, 1]"}),
        (("model=vae_tiny", "loss=gaussian"), {"picture": "(batch, 1, 8, 8), pixels in [0, 1]"}),
        (("model=conditional_vae",), {"picture": "(batch, 1, 8, 8), pixels in [0, 1]"}),
        (("model=vq_vae_tiny",), {"picture": "(batch, 1, 8, 8), pixels in [0, 1]"}),
        (("model=autoencoder_tiny", "data=digits_rows"), {"sample": "(batch, 1, 8, 8), pixels in [0, 1]"}),
        (("model=autoencoder_tiny", "data=iris"), {"sample": "(batch, 4), rows in the units of their columns"}),
        (
            ("model=vae_tiny", "data=iris", "loss=gaussian"),
            {"sample": "(batch, 4), rows in the units of their columns"},
        ),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_a_decoder_computes_what_generate_gives(words: tuple[str, ...], output: dict[str, str]) -> None:
    task, data, _ = untrained(*words)
    data.setup()
    if words[1:2] != ("data=iris",):
        task.pixels.set_statistics(data)
    signature = graph.in_own_units(parts.signature_of("decoder", task, ""), data)
    inputs = signature.examples(data, 12)
    (made,) = signature(*inputs)
    # The labels of examples are those of samples whose class is not chosen: each in turn.
    wanted = codes.decoded(task, data, {"latent": inputs[0]}, "")
    torch.testing.assert_close(made.detach().flatten(1), numbers(wanted).flatten(1))
    assert description.of_graph(signature, inputs, data, normalized=False)["outputs"] == output
    if isinstance(wanted, Rows):
        assert wanted.columns == [column.name for column in data.columns] and "petal length (cm)" in wanted.columns
    x = data.example_inputs(3)
    code = parts.signature_of("encoder", task, "")(x)[0]
    assert torch.equal(code, task.codes_of(x) if isinstance(task, EncodesCodes) else task.export_signature()(x)[1])
