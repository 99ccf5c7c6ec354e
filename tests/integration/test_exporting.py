"""``netyard export``: every task and every network as a file that computes the same, and every way to ask wrongly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from netyard import checkpoint, cli, exporting, schema
from netyard.build import build
from netyard.errors import PlatformError
from netyard.exports import graph
from netyard.exports.request import Request
from netyard.rundir import RunDir

ROOT = Path(__file__).resolve().parents[2]
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


def served_by(path: Path) -> tuple[Any, Any]:
    """What a run's task is outside of netyard, and its data."""
    recorded = checkpoint.read(path / "checkpoints" / "best.ckpt")
    data = build(recorded["netyard"]["config"]["data"])
    checkpoint.restore_data(data, recorded)
    return checkpoint.load(path).served(), data


def answers(file: Path, inputs: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(file))
    given = {port.name: each.numpy() for port, each in zip(session.get_inputs(), inputs, strict=True)}
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, given), strict=True))


def metadata(file: Path) -> dict[str, Any]:
    about = onnxruntime.InferenceSession(str(file)).get_modelmeta().custom_metadata_map
    return {key: json.loads(text) if text[0] in "[{" else text for key, text in about.items()}


# Tracing recurrent layers takes seconds; the tests of padded texts and of translation trace some always.
TRACED_SLOWLY = ("rows", "opinions", "series", "text", "numerals")


@pytest.mark.parametrize("name", [name for name in RUNS if name not in TRACED_SLOWLY])
def test_a_run_of_each_task_becomes_onnx(run_of, export, name: str) -> None:
    said, file = export(name, "format=onnx")
    served, data = served_by(run_of(name))
    inputs = graph.examples(served, data, 5)  # a number that the export itself has not tried
    made = answers(file, inputs)
    with torch.no_grad():
        wanted = served(*inputs)
    for port, each in zip(served.outputs, wanted, strict=True):
        assert made[port.name] == pytest.approx(each.numpy(), rel=1e-4, abs=1e-5), port.name
    about = metadata(file)
    assert list(about["outputs"]) == [port.name for port in served.outputs]
    for place, (port, each) in enumerate(zip(served.inputs, inputs, strict=True)):
        described = about["inputs"][port.name]
        assert described["dtype"] == str(each.dtype).removeprefix("torch.") and described["shape"][0] == "batch"
        assert onnx.load(file).graph.input[place].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert about["model"] == json.loads((run_of(name) / "results.json").read_text())["model"]
    assert onnx.load(file).opset_import[0].version == 20
    assert str(ROOT).encode() not in file.read_bytes(), "where it was made is nobody's business"
    assert ", ".join(about["outputs"]) in said and "within" in said


@pytest.mark.parametrize("name", ["digits", "rows", "attended", "drawn", "played", "acted"])
def test_a_program_of_torch_export_computes_the_same(run_of, export, name: str) -> None:
    _, file = export(name, "format=pt2")
    served, data = served_by(run_of(name))
    about = {"netyard.json": ""}
    with file.open("rb") as opened:
        program = torch.export.load(opened, extra_files=about).module()
    inputs = graph.examples(served, data, 5)
    with torch.no_grad():
        for mine, its in zip(served(*inputs), program(*inputs), strict=True):
            torch.testing.assert_close(its, mine)
    assert list(json.loads(about["netyard.json"])["outputs"]) == [port.name for port in served.outputs]
    assert str(ROOT).encode() not in file.read_bytes()


def test_pixels_come_back_as_pixels(run_of, export) -> None:
    _, file = export("redrawn", "format=onnx", "normalize=true")
    task, data = checkpoint.load(run_of("redrawn")), served_by(run_of("redrawn"))[1]
    split = data.split("test")
    with torch.no_grad():
        wanted = task.pixels(task(data.prepare(split.x, split.y)[0])).clamp(0, 1)
    assert answers(file, (split.x / 16,))["reconstruction"] == pytest.approx(wanted.numpy(), abs=1e-5)


def test_a_padded_text_is_read_up_to_its_end(run_of, export) -> None:
    """As the packed layers of the network read it, in both directions."""
    _, file = export("opinions", "format=onnx")
    task, data = checkpoint.load(run_of("opinions")), served_by(run_of("opinions"))[1]
    x = data.split("test").x
    assert len(set((x != 0).sum(dim=1).tolist())) > 1, "texts of several lengths"
    with torch.no_grad():
        wanted = task(x)
    assert answers(file, (x,))["logits"] == pytest.approx(wanted.numpy(), abs=1e-5)
    assert metadata(file)["vocabularies"]["text"]["tokens"] and metadata(file)["class_names"] == ["bad", "good"]


def test_a_caller_can_write_a_translation_with_the_graph(run_of, export) -> None:
    _, file = export("numerals", "format=onnx")
    task, data = checkpoint.load(run_of("numerals")), served_by(run_of("numerals"))[1]
    source = data.encode("4711")[None]
    written = [task.start_token]
    for _ in range(task.max_length):
        logits = answers(file, (source, torch.tensor([written])))["logits"][0, -1]
        logits[[0, task.start_token]] = -np.inf
        written.append(int(logits.argmax()))
        if written[-1] == task.end_token:
            break
    assert data.decode(written[1:]) == task.generate(data, "4711")


ALWAYS = ("resnet_tiny", "densenet_tiny", "rainbow", "vq_vae_tiny")
# A DenseNet's layers differ in width, so that none repeats another; with two in a block it has all of their kinds.
SHORTER = {f"densenet{depth}": ["+model.arguments={block_config:[2,2,2,2]}"] for depth in (121, 161, 169, 201)}


@pytest.mark.parametrize("name", ALWAYS)
def test_every_network_becomes_onnx(tmp_path: Path, name: str) -> None:
    task, data, of_run = untrained(f"model={name}", *SHORTER.get(name, []))
    leave_out_repeats(task.net)
    settle(task, data)
    request = Request(RunDir(tmp_path), "onnx", tmp_path / "model.onnx")
    assert "within" in exporting.write(request, task, data, of_run)
    onnx.checker.check_model(tmp_path / "model.onnx")


def leave_out_repeats(net: nn.Module) -> None:
    """Of blocks in a row that are alike one stays: the graph of a deep network, in a fraction of its time."""
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            kinds = [(type(each), [weight.shape for weight in each.parameters()]) for each in module]
            for place in reversed(range(1, len(kinds))):
                if kinds[place] == kinds[place - 1] and kinds[place][1]:
                    del module[place]


@torch.no_grad()
def settle(task: Any, data: Any) -> None:
    """Let batch norms measure a batch: with first statistics what goes through a deep network dies away."""
    norms = [module for module in task.net.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    served = task.served()
    for norm in norms:
        norm.train()
    served(*graph.examples(served, data, 4))
    task.eval()


def untrained(*words: str) -> tuple[Any, Any, dict[str, Any]]:
    """A task with first weights, its data, and what a file says of them."""
    cfg, choices = cli.compose(list(words))
    data = build(cfg.data)
    cfg.data.update(data.facts())
    return build(schema.resolve(cfg, choices)["task"]).eval(), data, dict(choices)


@pytest.mark.parametrize("name", ["series", "price", "text", "redrawn", "drawn", "worded"])
def test_every_task_with_a_score_tells_it(run_of, export, name: str) -> None:
    how = "static" if name == "worded" else "dynamic"
    said, _ = export(name, "format=onnx", f"quantize={how}")
    score, before = re.search(r"8-bit integers (\w+) goes from ([\d.]+) to", said).groups()
    metrics = json.loads((run_of(name) / "results.json").read_text())["metrics"]
    if name in ("series", "price"):  # what the run itself calls so; smoke's results are of two batches
        assert score == "mae" and (name == "series" or float(before) == pytest.approx(metrics["test/mae"], abs=1e-3))
    else:
        assert score == {"text": "nll"}.get(name, "mse") and float(before) > 0


class Turncoat(nn.Module):
    """A network that is another in a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) * (1.01 if torch.compiler.is_exporting() else 1.0)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_file_that_computes_something_else_is_not_kept(tmp_path: Path, format: str) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Turncoat().eval()
    with pytest.raises(PlatformError, match=r"logits of a batch of 1 differs by up to 0\.01") as caught:
        exporting.write(Request(RunDir(tmp_path), format, tmp_path / "exports" / "model"), task, data, of_run)
    assert caught.value.exit_code == 5
    assert not list(tmp_path.iterdir()), "no file, no draft, no folder"


@pytest.mark.parametrize(
    ("run", "options", "code", "words"),
    [
        ("digits", ["fromat=onnx"], 2, ["no option 'fromat'", "did you mean 'format'", "--help"]),
        ("", ["format=onnx"], 2, ["run was not given", "type run=RUN_DIR"]),
        ("digits", [], 2, ["format was not given", "onnx, pt2, state_dict, safetensors", "type format=onnx"]),
        ("digits", ["format=onxn"], 2, ["no format 'onxn'", "did you mean 'onnx'"]),
        ("digits", ["format=onnx", "output=FOLDER"], 2, ["a folder", "model.onnx"]),
        ("digits", ["format=pt2", "output=none/x.pt2"], 2, ["there is no folder none", "mkdir -p none"]),
        ("digits", ["format=onnx", "normalize=yes"], 2, ["normalize is yes", "true or false", "try normalize=true"]),
        ("digits", ["format=state_dict", "benchmark=true"], 2, ["holds weights alone", "leave benchmark out"]),
        ("digits", ["format=onnx", "quantize=int8"], 2, ["quantize is int8", "try quantize=dynamic"]),
        ("digits", ["format=pt2", "quantize=dynamic"], 2, ["with format=pt2", "try format=onnx"]),
        ("acted", ["format=onnx", "normalize=true"], 2, ["task=q_learning", "pictures and tables", "leave it out"]),
        ("played", ["format=onnx", "quantize=static"], 2, ["task=adversarial", "have a score", "leave it out"]),
        ("text", ["format=pt2"], 2, ["recurrent layers", "try format=onnx"]),
        ("nowhere", ["format=onnx"], 4, ["nowhere is not a run directory"]),
        ("unfinished", ["format=onnx"], 4, ["there is no checkpoint at", "best.ckpt"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_mistake_is_answered(run_of, capsys, monkeypatch, tmp_path, run, options, code, words) -> None:
    path = run_of(run) if run in RUNS else run
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "unfinished" / ".hydra").mkdir(parents=True)
    (tmp_path / "unfinished" / ".hydra" / "overrides.yaml").write_text("[]")
    options = [text.replace("FOLDER", "folder") for text in options]
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert cli.main(["export", f"run={path}", *options]) == code
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("error: ") and "Traceback" not in message
    for word in words:
        assert word in message
    assert sorted(tmp_path.rglob("*")) == before, "a mistake leaves nothing behind"
    assert path == run or not (path / "exports").exists()


def test_the_programs_of_the_guide_run(run_of, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    task, data, of_run = untrained("model=resnet18", "data=fake", "data.image_size=128")
    exporting.write(Request(RunDir(tmp_path), "state_dict", tmp_path / "weights.pt"), task, data, of_run)
    for format in ("onnx", "pt2"):
        output = tmp_path / f"model.{format}"
        assert cli.main(["export", f"run={run_of('digits')}", f"format={format}", f"output={output}"]) == 0
    capsys.readouterr()
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    known = {"pixels": np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)}
    for program in programs:
        exec(program.replace("RUN_DIR/exports/", ""), known)
    assert len(programs) == 3 and known["logits"].shape == (3, 10)
    assert len(json.loads(capsys.readouterr().out.splitlines()[0].replace("'", '"'))) == 3
