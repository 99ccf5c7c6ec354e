"""Exports runs, runs the exported files, and compares them with the networks."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from netyard.cli import main
from netyard.config import compose, schema
from netyard.config.instantiate import build
from netyard.export import export as exporting
from netyard.export.request import Request
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint

ROOT = Path(__file__).resolve().parents[2]
# A DenseNet's layers differ in width, so that none repeats another; with two in a block it has all of their kinds.
SHORTER = {f"densenet{depth}": ["+model.arguments={block_config:[2,2,2,2]}"] for depth in (121, 161, 169, 201)}


def export(run: Path, folder: Path, *options: str) -> tuple[str, Path]:
    """Export a run into an empty folder; return the output and the file."""
    output = folder / "file"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main.main(["export", f"run={run}", *options, f"output={output}"]) == 0
    assert [each.name for each in folder.iterdir()] == ["file"], "no draft, and no file for the weights"
    return said.getvalue(), output


def served_by(path: Path) -> tuple[Any, Any]:
    """Return the export signature of a run's task, and its data."""
    recorded = checkpoint.read(path / "checkpoints" / "best.ckpt")
    data = build(recorded["netyard"]["config"]["data"])
    checkpoint.restore_data(data, recorded)
    return checkpoint.load(path).export_signature(), data


def untrained(*words: str) -> tuple[Any, Any, dict[str, Any]]:
    """Return an untrained task, its data, and the metadata of an export."""
    cfg, choices = compose.compose(list(words))
    data = build(cfg.data)
    cfg.data.update(data.facts())
    return build(schema.resolve(cfg, choices)["task"]).eval(), data, dict(choices)


def answers(file: Path | onnxruntime.InferenceSession, inputs: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(file)) if isinstance(file, Path) else file
    given = {spec.name: each.numpy() for spec, each in zip(session.get_inputs(), inputs, strict=True)}
    return dict(zip([spec.name for spec in session.get_outputs()], session.run(None, given), strict=True))


def metadata(file: Path) -> dict[str, Any]:
    about = onnxruntime.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    return {key: json.loads(text) if text[0] in "[{" else text for key, text in about.items()}


def check_onnx(run: Path, folder: Path) -> None:
    """The ONNX file of a run computes what the run does, for a batch of any size, and describes itself."""
    said, file = export(run, folder, "format=onnx")
    signature, data = served_by(run)
    inputs = signature.examples(data, 5)  # a number that the export itself has not tried
    made = answers(file, inputs)
    with torch.no_grad():
        wanted = signature(*inputs)
    for spec, each in zip(signature.outputs, wanted, strict=True):
        assert made[spec.name] == pytest.approx(each.numpy(), rel=1e-4, abs=1e-5), spec.name
    about = metadata(file)
    assert list(about["outputs"]) == [spec.name for spec in signature.outputs]
    for place, (spec, each) in enumerate(zip(signature.inputs, inputs, strict=True)):
        described = about["inputs"][spec.name]
        assert described["dtype"] == str(each.dtype).removeprefix("torch.") and described["shape"][0] == "batch"
        assert onnx.load(file).graph.input[place].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert about["model"] == json.loads((run / "results.json").read_text())["model"]
    assert onnx.load(file).opset_import[0].version == 20
    assert str(ROOT).encode() not in file.read_bytes(), "where it was made is nobody's business"
    assert ", ".join(about["outputs"]) in said and "largest difference" in said


def check_program(run: Path, folder: Path) -> None:
    """The program of ``torch.export`` of a run computes what the run does, and describes itself."""
    _, file = export(run, folder, "format=pt2")
    signature, data = served_by(run)
    about = {"netyard.json": ""}
    with file.open("rb") as opened:
        program = torch.export.load(opened, extra_files=about).module()
    inputs = signature.examples(data, 5)
    with torch.no_grad():
        for mine, its in zip(signature(*inputs), program(*inputs), strict=True):
            torch.testing.assert_close(its, mine)
    assert list(json.loads(about["netyard.json"])["outputs"]) == [spec.name for spec in signature.outputs]
    assert str(ROOT).encode() not in file.read_bytes()


def check_score(run: Path, folder: Path) -> None:
    """A quantized export prints the score of the task before it, as in the run if that used the whole test split."""
    how = "static" if run.name == "vector_quantized" else "dynamic"
    said, _ = export(run, folder, "format=onnx", f"quantize={how}")
    score, before = re.search(r"8-bit integers (\w+) changes from ([\d.]+) to", said).groups()
    metrics = json.loads((run / "results.json").read_text())["metrics"]
    if run.name in ("windowed", "regression"):  # what the run itself calls so; smoke's results are of two batches
        assert score == "mae"
        assert run.name == "windowed" or float(before) == pytest.approx(metrics["test/mae"], abs=1e-3)
    else:
        assert score == {"language": "nll", "attention": "nll"}.get(run.name, "mse") and float(before) > 0


def check_quantized(run: Path, folder: Path, how: str) -> None:
    """A quantized classification has operators of 8 bits, and prints its accuracy before and after, as it is."""
    said, file = export(run, folder, "format=onnx", f"quantize={how}")
    before, after, count = re.search(
        r"accuracy changes from ([\d.]+) to ([\d.]+) on the test split \((\d+) ", said
    ).groups()
    results = json.loads((run / "results.json").read_text())
    assert float(before) == pytest.approx(results["metrics"]["test/accuracy"], abs=1e-4)
    data = served_by(run)[1]
    split = data.split("test")
    made = answers(file, (data.prepare(split.x, split.y)[0],))
    assert float(after) == pytest.approx((made["logits"].argmax(axis=1) == split.y.numpy()).mean(), abs=1e-4)
    assert int(count) == len(split)
    kinds = {node.op_type for node in onnx.load(file).graph.node}
    assert kinds & ({"ConvInteger", "MatMulInteger"} if how == "dynamic" else {"QuantizeLinear"})
    assert metadata(file)["model"] == "cnn_tiny"


def check_network(name: str, folder: Path) -> None:
    """An untrained network is exported to an ONNX file that computes the same."""
    task, data, of_run = untrained(f"model={name}", *SHORTER.get(name, []))
    leave_out_repeats(task.net)
    settle(task, data)
    request = Request(RunDir(folder), "onnx", folder / "model.onnx")
    assert "largest difference" in exporting.write(request, task, data, of_run)
    onnx.checker.check_model(folder / "model.onnx")


def leave_out_repeats(net: nn.Module) -> None:
    """Keep only one of consecutive equal blocks: the graph of a deep network in a fraction of the time."""
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            kinds = [(type(each), [weight.shape for weight in each.parameters()]) for each in module]
            for place in reversed(range(1, len(kinds))):
                if kinds[place] == kinds[place - 1] and kinds[place][1]:
                    del module[place]


@torch.no_grad()
def settle(task: Any, data: Any) -> None:
    """Let batch norms measure a batch: with initial statistics the activations of a deep network vanish."""
    norms = [module for module in task.net.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    signature = task.export_signature()
    for norm in norms:
        norm.train()
    signature(*signature.examples(data, 4))
    task.eval()


class Turncoat(nn.Module):
    """A network that computes something else when it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) * (1.01 if torch.compiler.is_exporting() else 1.0)
