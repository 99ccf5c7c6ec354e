"""``netyard export``: every task and every network as a file that computes the same, and every way to ask wrongly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from netyard import cli

QUICK = ("trainer.max_epochs=1", "logger=none")
FEW = ("data.max_characters=20000", "data.batch_size=4", "data.sequence_length=32", "debug=smoke")
RUNS = {
    "digits": ("model=mlp_tiny", *QUICK),
    "pictures": ("model=cnn_tiny", *QUICK),
    "rows": ("model=gru_tiny", "data=digits_rows", "debug=smoke"),
    "price": ("data=diabetes", *QUICK),
    "opinions": ("model=bilstm", "model.hidden_size=8", "data=sentiment", "data.path=OPINIONS", "debug=smoke"),
    "series": ("model=gru_tiny", "data=sunspots", "task.normalize=window", "debug=smoke"),
    "text": ("model=lstm_tiny", "data=python_source", *FEW),
    "attended": ("model=transformer_tiny", "data=python_source", *FEW),
    "numerals": ("model=seq2seq_tiny", "data.size=300", "debug=smoke"),
    "redrawn": ("model=autoencoder_tiny", "debug=smoke"),
    "drawn": ("model=vae_tiny", "debug=smoke"),
    "told": ("model=conditional_vae", "model.hidden_sizes=[16]", "debug=smoke"),
    "worded": ("model=vq_vae_tiny", "debug=smoke"),
    "played": ("model=gan_tiny", "debug=smoke"),
    "acted": ("model=dqn", "debug=smoke"),
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of one of the runs, trained for a moment when it is first wanted."""
    place = tmp_path_factory.mktemp("runs")
    rows = (f"{'no ' * (i % 3)}{'fine' if i % 2 else 'poor'} food,{'good' if i % 2 else 'bad'}" for i in range(80))
    (place / "opinions.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")

    def run(name: str) -> Path:
        if not (place / name).exists():
            words = [text.replace("OPINIONS", str(place / "opinions.csv")) for text in RUNS[name]]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("sys.argv", ["train.py"])
                assert cli.train([*words, f"hydra.run.dir={place / name}"]) == 0, name
        return place / name

    return run


@pytest.fixture
def export(run_of, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Export one of the runs; what was said, and the file."""

    def run(name: str, *options: str) -> tuple[str, Path]:
        path, output = run_of(name), tmp_path / "file"
        capsys.readouterr()
        assert cli.main(["export", f"run={path}", *options, f"output={output}"]) == 0, capsys.readouterr().err
        assert [each.name for each in tmp_path.iterdir()] == ["file"], "no draft, and no file for the weights"
        return capsys.readouterr().out, output

    return run


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_latency_is_told_side_by_side(export) -> None:
    said, _ = export("digits", "format=onnx", "quantize=dynamic", "benchmark=true")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()[-4:]}
    assert list(rows) == ["network", "compiled", "onnx", "int8"]
    assert all(float(cell) > 0 for row in rows.values() for cell in row)


def test_without_a_compiler_the_others_are_timed(export, monkeypatch, tmp_path_factory) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("nothing-of-that-name",))
    said, _ = export("price", "format=pt2", "benchmark=true")
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines()[-3:]}
    assert rows["compiled"] == ["no", "compiler"] * 2
    assert all(float(cell) > 0 for name in ("network", "pt2") for cell in rows[name])


def test_mistakes_and_help_leave_torch_asleep(tmp_path: Path, command) -> None:
    call = """
import sys
from netyard import cli
codes = [cli.main(["export", *words.split()]) for words in ("--help", "run=x format=y", "run=x format=pt2")]
assert codes == [0, 2, 4] and not {"torch", "onnx", "onnxruntime"} & set(sys.modules), codes
"""
    assert command("-c", call).code == 0
