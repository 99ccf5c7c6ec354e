"""Each run in each format of a graph, and every network as ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard import catalog
from support.exports import check_network, check_onnx, check_program, check_score

RUNS = (
    "classification", "judge", "rows", "regression", "opinions", "windowed", "language", "attention", "translation",
    "reconstruction", "variational", "conditional", "vector_quantized", "adversarial", "q_learning",
)  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_each_run_becomes_onnx(finished, tmp_path: Path, name: str) -> None:
    check_onnx(finished(name), tmp_path)


@pytest.mark.parametrize("name", ["classification", "rows", "attention", "variational", "adversarial", "q_learning"])
def test_a_program_of_torch_export_computes_the_same(finished, tmp_path: Path, name: str) -> None:
    check_program(finished(name), tmp_path)


@pytest.mark.parametrize("name", catalog.options("model"))
def test_every_network_becomes_onnx(tmp_path: Path, name: str) -> None:
    check_network(name, tmp_path)


@pytest.mark.parametrize(
    "name", ["windowed", "regression", "language", "attention", "reconstruction", "variational", "vector_quantized"]
)
def test_every_task_with_a_score_tells_it(finished, tmp_path: Path, name: str) -> None:
    check_score(finished(name), tmp_path)
