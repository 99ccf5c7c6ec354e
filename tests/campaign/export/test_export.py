"""Each run in each format of a graph, and every network as ONNX."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from netyard.config import catalog
from netyard.training import checkpoint
from support.exports import (
    answers,
    check_network,
    check_onnx,
    check_program,
    check_quantized,
    check_score,
    export,
    served_by,
)

RUNS = (
    "classification", "judge", "rows", "regression", "opinions", "windowed", "language", "attention", "translation",
    "reconstruction", "variational", "conditional", "vector_quantized", "adversarial", "q_learning",
)  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_each_run_becomes_onnx(finished, tmp_path: Path, name: str) -> None:
    check_onnx(finished(name), tmp_path)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
@pytest.mark.parametrize("name", ["reconstruction", "variational", "conditional", "vector_quantized"])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_each_part_is_exported(finished, tmp_path: Path, name: str, format: str, part: str) -> None:
    said, _ = export(finished(name), tmp_path, f"format={format}", f"part={part}")
    assert (" -> picture in " if part == "decoder" else " -> code") in said and "in batches of 1, 2 and 7" in said


@pytest.mark.parametrize("name", ["classification", "rows", "attention", "variational", "adversarial", "q_learning"])
def test_a_program_of_torch_export_computes_the_same(finished, tmp_path: Path, name: str) -> None:
    check_program(finished(name), tmp_path)


@pytest.mark.parametrize("name", catalog.options("model"))
def test_every_network_becomes_onnx(tmp_path: Path, name: str) -> None:
    check_network(name, tmp_path)


@pytest.mark.parametrize(
    "name", ["windowed", "regression", "language", "attention", "reconstruction", "variational", "vector_quantized"]
)
def test_every_task_with_a_score_reports_it(finished, tmp_path: Path, name: str) -> None:
    check_score(finished(name), tmp_path)


@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_int8_files_are_scored_on_the_test_split(finished, tmp_path: Path, how: str) -> None:
    check_quantized(finished("judge"), tmp_path, how)


def test_a_caller_can_write_a_translation_with_the_graph(finished, tmp_path: Path) -> None:
    _, file = export(finished("translation"), tmp_path, "format=onnx")
    task, data = checkpoint.load(finished("translation")), served_by(finished("translation"))[1]
    source = data.encode("4711")[None]
    session, written = onnxruntime.InferenceSession(str(file)), [task.start_token]
    for _ in range(task.max_length):
        logits = answers(session, (source, torch.tensor([written])))["logits"][0, -1]
        logits[[0, task.start_token]] = -np.inf
        written.append(int(logits.argmax()))
        if written[-1] == task.end_token:
            break
    assert data.decode(written[1:]) == task.generate(data, "4711")


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_latency_is_told_side_by_side(finished, tmp_path: Path) -> None:
    said, _ = export(finished("classification"), tmp_path, "format=onnx", "quantize=dynamic", "benchmark=true")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()[-4:]}
    assert list(rows) == ["network", "compiled", "onnx", "int8"]
    assert all(float(cell) > 0 for row in rows.values() for cell in row)
