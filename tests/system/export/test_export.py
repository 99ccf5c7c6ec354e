"""``netyard export``: latencies without a compiler, and commands that must not import torch."""

from __future__ import annotations

from pathlib import Path

from support.exports import export


def test_without_a_compiler_the_others_are_timed(finished, tmp_path: Path, monkeypatch, tmp_path_factory) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("nothing-of-that-name",))
    said, _ = export(finished("regression"), tmp_path, "format=pt2", "benchmark=true")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()[-3:]}
    assert rows["compiled"] == ["no", "compiler"] * 2
    assert all(float(cell) > 0 for name in ("network", "pt2") for cell in rows[name])


def test_mistakes_and_help_leave_torch_asleep(tmp_path: Path, command) -> None:
    call = """
import sys
from netyard.cli import main as cli
codes = [cli.main(["export", *words.split()]) for words in ("--help", "run=x format=y", "run=x format=pt2")]
assert codes == [0, 2, 4] and not {"torch", "onnx", "onnxruntime"} & set(sys.modules), codes
"""
    assert command("-c", call).code == 0
