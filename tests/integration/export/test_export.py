"""``netyard export``: files of every task and network compute the same, and the messages for wrong options."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from PIL import Image
from safetensors.torch import load_file

from netyard import api
from netyard.cli import main
from netyard.errors import ConfigError, PlatformError
from netyard.export import export as exporting
from netyard.export.request import Request
from netyard.models.mlp import MLP
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.exports import (
    ROOT,
    Turncoat,
    answers,
    check_network,
    check_onnx,
    check_program,
    check_quantized,
    check_score,
    export,
    metadata,
    served_by,
    untrained,
)
from support.finished_runs import RUNS

# Tracing recurrent layers takes seconds; the tests of padded texts and of translation trace some always.


# Tests below export the other tasks.
ONNX = ("attention", "adversarial", "q_learning")
PROGRAMS = ("rows", "variational")


@pytest.mark.parametrize("name", ONNX)
def test_a_run_of_each_task_becomes_onnx(finished, tmp_path: Path, name: str) -> None:
    check_onnx(finished(name), tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_torch_export_computes_the_same(finished, tmp_path: Path, name: str) -> None:
    check_program(finished(name), tmp_path)


def test_a_network_with_noise_becomes_onnx(tmp_path: Path) -> None:
    """Tests below export one with convolutions; all networks are in the campaign."""
    check_network("rainbow", tmp_path)


def test_reconstructions_are_in_pixels(finished, tmp_path: Path) -> None:
    _, file = export(finished("reconstruction"), tmp_path, "format=onnx", "normalize=true")
    task, data = checkpoint.load(finished("reconstruction")), served_by(finished("reconstruction"))[1]
    split = data.split("test")
    with torch.no_grad():
        wanted = task.pixels(task(data.prepare(split.x, split.y)[0])).clamp(0, 1)
    assert answers(file, (split.x / 16,))["reconstruction"] == pytest.approx(wanted.numpy(), abs=1e-5)


def test_a_padded_text_is_read_up_to_its_end(finished, tmp_path: Path) -> None:
    """Like the packed sequences of the network, in both directions."""
    _, file = export(finished("opinions"), tmp_path, "format=onnx")
    task, data = checkpoint.load(finished("opinions")), served_by(finished("opinions"))[1]
    x = data.split("test").x
    assert len(set((x != 0).sum(dim=1).tolist())) > 1, "texts of several lengths"
    with torch.no_grad():
        wanted = task(x)
    assert answers(file, (x,))["logits"] == pytest.approx(wanted.numpy(), abs=1e-5)
    assert metadata(file)["vocabularies"]["text"]["tokens"] and metadata(file)["class_names"] == ["bad", "good"]


def test_a_task_with_another_score_reports_that(finished, tmp_path: Path) -> None:
    check_score(finished("regression"), tmp_path)


class Unsteady(Turncoat):
    """A network whose control flow depends on the input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) * (2.0 if float(x.sum()) > 0 else 1.0)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_network_that_cannot_be_traced_is_refused_in_one_line(tmp_path: Path, format: str) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Unsteady().eval()
    with pytest.raises(ConfigError, match=r"cannot be written as a graph: [^\n]*;.*try format=") as caught:
        exporting.write(Request(RunDir(tmp_path), format, tmp_path / "exports" / "model"), task, data, of_run)
    assert len(str(caught.value).splitlines()) == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_file_that_differs_from_the_network_is_deleted(tmp_path: Path, format: str) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Turncoat().eval()
    with pytest.raises(PlatformError, match=r"logits of a batch of 1 differs by up to 0\.01") as caught:
        exporting.write(Request(RunDir(tmp_path), format, tmp_path / "exports" / "model"), task, data, of_run)
    assert caught.value.exit_code == 5
    assert not list(tmp_path.iterdir()), "no file, no draft, no folder"


@pytest.mark.parametrize(
    ("run", "options", "code", "words"),
    [
        ("classification", ["fromat=onnx"], 2, ["no option 'fromat'", "did you mean 'format'", "--help"]),
        ("", ["format=onnx"], 2, ["run was not given", "type run=RUN_DIR"]),
        ("classification", [], 2, ["format was not given", "onnx, pt2, state_dict, safetensors", "type format=onnx"]),
        ("classification", ["format=onxn"], 2, ["no format 'onxn'", "did you mean 'onnx'"]),
        ("classification", ["format=onnx", "output=FOLDER"], 2, ["a folder", "model.onnx"]),
        ("classification", ["format=pt2", "output=none/x.pt2"], 2, ["there is no folder none", "mkdir -p none"]),
        (
            "classification",
            ["format=onnx", "normalize=yes"],
            2,
            ["normalize is yes", "true or false", "try normalize=true"],
        ),
        (
            "classification",
            ["format=state_dict", "benchmark=true"],
            2,
            ["holds weights without a graph", "leave benchmark out"],
        ),
        ("classification", ["format=onnx", "quantize=int8"], 2, ["quantize is int8", "try quantize=dynamic"]),
        ("classification", ["format=pt2", "quantize=dynamic"], 2, ["with format=pt2", "try format=onnx"]),
        (
            "q_learning",
            ["format=onnx", "normalize=true"],
            2,
            ["task=q_learning", "images and tables", "leave it out"],
        ),
        ("adversarial", ["format=onnx", "quantize=static"], 2, ["task=adversarial", "by a score", "leave it out"]),
        ("variational", ["format=onnx", "part=latent"], 2, ["part is latent", "try part=decoder"]),
        ("variational", ["format=safetensors", "part=decoder"], 2, ["part=decoder was", "leave part out"]),
        ("variational", ["format=onnx", "part=decoder", "normalize=true"], 2, ["reads codes", "leave normalize out"]),
        ("variational", ["format=onnx", "part=encoder", "quantize=static"], 2, ["score of the whole network"]),
        ("adversarial", ["format=onnx", "part=decoder"], 2, ["exported as its generator", "leave part out"]),
        ("classification", ["format=onnx", "part=encoder"], 2, ["no encoder and decoder of codes"]),
        ("language", ["format=pt2"], 2, ["recurrent layers", "try format=onnx"]),
        ("nowhere", ["format=onnx"], 4, ["nowhere is not a run directory"]),
        ("unfinished", ["format=onnx"], 4, ["there is no checkpoint at", "best.ckpt"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_mistake_is_answered(finished, capsys, monkeypatch, tmp_path, run, options, code, words) -> None:
    path = finished(run) if run in RUNS else run
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "unfinished" / ".hydra").mkdir(parents=True)
    (tmp_path / "unfinished" / ".hydra" / "overrides.yaml").write_text("[]")
    options = [text.replace("FOLDER", "folder") for text in options]
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert main.main(["export", f"run={path}", *options]) == code
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ") and "Traceback" not in message
    for word in words:
        assert word in message
    assert sorted(tmp_path.rglob("*")) == before, "a mistake leaves nothing behind"
    assert path == run or not (path / "exports").exists()


def test_the_code_of_the_guide_runs(finished, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    task, data, of_run = untrained("model=resnet18", "data=fake", "data.image_size=128")
    exporting.write(Request(RunDir(tmp_path), "state_dict", tmp_path / "weights.pt"), task, data, of_run)
    for format in ("onnx", "pt2"):
        output = tmp_path / f"model.{format}"
        assert main.main(["export", f"run={finished('classification')}", f"format={format}", f"output={output}"]) == 0
    coder = api.Run(finished("variational"))
    coder.export("onnx", tmp_path / "decoder.onnx", part="decoder")
    capsys.readouterr()
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    Image.fromarray(np.full((9, 20), 200, dtype=np.uint8)).save(tmp_path / "photo.png")
    known = {"pixels": np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)}
    prepared: dict[str, Any] = {}
    exec(programs[0].replace("RUN_DIR/exports/", ""), prepared)
    assert prepared["pixels"].shape == (1, 1, 8, 8)
    for program in programs[1:]:
        exec(program.replace("RUN_DIR/exports/", ""), known)
    assert len(programs) == 5 and known["logits"].shape == (3, 10)
    wanted = coder.generate(latent=known["codes"]).pictures
    assert known["pictures"] == pytest.approx(wanted.numpy(), abs=1e-5) and len(wanted) == 16
    assert len(json.loads(capsys.readouterr().out.splitlines()[0].replace("'", '"'))) == 3


def test_the_decoder_of_a_conditional_network_makes_what_generate_makes(finished, tmp_path: Path) -> None:
    run = api.Run(finished("conditional"))
    said, file = export(run.path, tmp_path, "format=onnx", "part=decoder")
    codes = torch.randn(5, run.net.latent_size)
    made = answers(file, (codes, torch.full((5,), 3)))["picture"]
    assert made == pytest.approx(run.generate(latent=codes, **{"class": 3}).pictures.numpy(), abs=1e-5)
    about = metadata(file)
    assert about["part"] == "decoder" and "preparation" not in about and about["facts"]["image_size"] == 8
    assert about["inputs"]["code"]["shape"] == ["batch", run.net.latent_size]
    assert about["inputs"]["label"]["meaning"] == "int64 (batch,), from 0 to 9"
    assert about["outputs"] == {"picture": "(batch, 1, 8, 8), pixels in [0, 1]"}
    assert said.startswith("code, label -> picture in ") and "in batches of 1, 2 and 7" in said


def test_an_encoder_gives_the_codes_of_predict(finished, tmp_path: Path) -> None:
    run = api.Run(finished("conditional"))
    program = torch.export.load(run.export("pt2", tmp_path / "encoder.pt2", part="encoder", normalize=True)).module()
    (codes,) = program(run.datamodule.split("test").x[:7] / 16)
    rows = [
        [row[f"code_{place}"] for place in range(1, 1 + run.net.latent_size)] for row in run.predict(codes=True)[:7]
    ]
    assert codes.detach().numpy() == pytest.approx(np.array(rows), abs=1e-5)


def test_predictions_of_test_samples_are_those_of_the_run(finished, tmp_path: Path) -> None:
    """From stored pixels to the recorded accuracy, with only the graph that includes the normalisation."""
    _, file = export(finished("judge"), tmp_path, "format=onnx", "normalize=true")
    data = served_by(finished("judge"))[1]
    split = data.split("test")
    made = answers(file, (split.x / 16,))
    accuracy = float((made["probabilities"].argmax(axis=1) == split.y.numpy()).mean())
    results = json.loads((finished("judge") / "results.json").read_text())
    assert accuracy == pytest.approx(results["metrics"]["test/accuracy"], abs=1e-6)
    about = metadata(file)
    assert about["inputs"]["input"]["meaning"] == "pixels in [0, 1]"
    assert (about["preparation"]["scale"], about["preparation"]["shift"]) == ([1 / 16], [0.0])


def test_a_table_in_its_own_units_has_predictions_in_its_own_units(finished, tmp_path: Path) -> None:
    _, file = export(finished("regression"), tmp_path, "format=onnx", "normalize=true")
    task, data = checkpoint.load(finished("regression")), served_by(finished("regression"))[1]
    standardised = data.split("test").x
    mean, std = (torch.tensor([getattr(column, key) for column in data.columns]) for key in ("mean", "std"))
    with torch.no_grad():
        wanted = task(standardised)
    assert answers(file, (standardised * std + mean,))["value"] == pytest.approx(wanted.numpy(), rel=1e-4)
    assert [column["name"] for column in metadata(file)["columns"]][:3] == ["age", "sex", "bmi"]


def test_a_network_of_netyard_loads_its_weights(finished, tmp_path: Path) -> None:
    _, file = export(finished("classification"), tmp_path, "format=safetensors")
    with safetensors.safe_open(file, "pt") as opened:
        about = opened.metadata()
    network = json.loads(about["network"])
    mlp = MLP(**{key: value for key, value in network.items() if key != "_target_"})
    mlp.load_state_dict(load_file(file))
    x = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(mlp.eval()(x), checkpoint.load(finished("classification"))(x))
    assert about["data"] == "digits" and json.loads(about["facts"])["image_size"] == 8
    assert json.loads(about["class_names"])[3] == "3"


def test_int8_files_are_scored_on_the_test_split(finished, tmp_path: Path) -> None:
    check_quantized(finished("judge"), tmp_path, "static")


def test_a_missing_optional_dependency_is_named(finished, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main.main(["export", f"run={finished('classification')}", "format=onnx"]) == 5
    assert "onnxscript, which is not installed" in (said := capsys.readouterr().err)
    assert "pip install 'netyard[export]'" in said
