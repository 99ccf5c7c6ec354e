"""``netyard export``: every task and every network as a file that computes the same, and every way to ask wrongly."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from netyard import catalog, checkpoint, cli, exporting, schema
from netyard.build import build
from netyard.errors import ConfigError, PlatformError
from netyard.exports import graph, weights
from netyard.exports.request import Request, parse
from netyard.models.mlp import MLP
from netyard.rundir import RunDir

ROOT = Path(__file__).resolve().parents[1]
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


# Every task


# Tracing recurrent layers takes seconds; the tests of padded texts and of translation trace some always.
TRACED_SLOWLY = ("rows", "opinions", "series", "text", "numerals")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in TRACED_SLOWLY else name for name in RUNS]
)
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


def test_test_samples_are_answered_as_by_the_run(run_of, export) -> None:
    """From stored pixels to the accuracy in the results, through the normalising graph alone."""
    _, file = export("pictures", "format=onnx", "normalize=true")
    data = served_by(run_of("pictures"))[1]
    split = data.split("test")
    made = answers(file, (split.x / 16,))
    accuracy = float((made["probabilities"].argmax(axis=1) == split.y.numpy()).mean())
    results = json.loads((run_of("pictures") / "results.json").read_text())
    assert accuracy == pytest.approx(results["metrics"]["test/accuracy"], abs=1e-6)
    assert metadata(file)["inputs"]["input"]["meaning"] == "pixels in [0, 1]"


def test_a_table_in_its_own_units_gives_the_target_in_its_own(run_of, export) -> None:
    _, file = export("price", "format=onnx", "normalize=true")
    task, data = checkpoint.load(run_of("price")), served_by(run_of("price"))[1]
    standardised = data.split("test").x
    mean, std = (torch.tensor([getattr(column, key) for column in data.columns]) for key in ("mean", "std"))
    with torch.no_grad():
        wanted = task(standardised)
    assert answers(file, (standardised * std + mean,))["value"] == pytest.approx(wanted.numpy(), rel=1e-4)
    assert [column["name"] for column in metadata(file)["columns"]][:3] == ["age", "sex", "bmi"]


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


# Every network

ALWAYS = ("resnet_tiny", "densenet_tiny", "rainbow", "vq_vae_tiny")
# A DenseNet's layers differ in width, so that none repeats another; with two in a block it has all of their kinds.
SHORTER = {f"densenet{depth}": ["+model.arguments={block_config:[2,2,2,2]}"] for depth in (121, 161, 169, 201)}


@pytest.mark.parametrize(
    "name",
    [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in catalog.options("model")],
)
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


# Weights


@pytest.mark.parametrize(("format", "suffix"), [("state_dict", ".pt"), ("safetensors", ".safetensors")])
def test_timm_takes_the_weights_of_a_resnet_and_netyard_does(tmp_path: Path, format: str, suffix: str) -> None:
    pictures = ("model=resnet_tiny", "data=fake", "data.channels=3", "data.image_size=128")
    task, data, of_run = untrained(*pictures)
    path = tmp_path / f"weights{suffix}"
    said = exporting.write(Request(RunDir(tmp_path), format, path), task, data, of_run)
    network = timm.create_model("resnet18", num_classes=10, layers=[1, 1, 1, 1], channels=[8, 16, 32, 64])
    network.load_state_dict(torch.load(path) if format == "state_dict" else load_file(path))
    x = torch.randn(2, 3, 128, 128)
    torch.testing.assert_close(network.eval()(x), task(x))
    assert "timm.create_model('resnet18', num_classes=10, in_chans=3, layers=" in said
    again = untrained(*pictures, f"model.pretrained={path}")[0]
    torch.testing.assert_close(again(x), task(x))


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("resnet18", "timm.create_model('resnet18', num_classes=10, in_chans=3)"),
        ("densenet121", "timm.create_model('densenet121', num_classes=10, in_chans=3)"),
        ("vgg11", "torchvision.models.get_model('vgg11', num_classes=10)"),
        ("alexnet", "torchvision.models.get_model('alexnet', num_classes=10)"),
        ("googlenet", "torchvision.models.get_model('googlenet', num_classes=10, init_weights=True, aux_logits=True)"),
        ("mobilenet_v3_small", "torchvision.models.get_model('mobilenet_v3_small', num_classes=10)"),
    ],
)
def test_the_network_that_takes_the_weights_is_named(name: str, library: str) -> None:
    with torch.device("meta"):
        net = untrained(f"model={name}", "data=fake", "data.image_size=224")[0].net
        assert net.loaded_by() == f"{library} takes them"
        eval(library, {"timm": timm, "torchvision": torchvision}).load_state_dict(net.network.state_dict(), assign=True)
    assert list(net.network.state_dict()) == list(weights.state_of(net.to_empty(device="cpu")))


def test_it_says_when_the_library_cannot_take_them(tmp_path: Path) -> None:
    task, data, of_run = untrained("model=resnet_tiny")
    said = exporting.write(Request(RunDir(tmp_path), "state_dict", tmp_path / "weights.pt"), task, data, of_run)
    assert "timm's own resnet18 does not take them" in said
    assert "conv1.weight is [64, 1, 3, 3], not [64, 1, 7, 7]" in said


def test_a_network_of_ours_takes_its_weights(run_of, export) -> None:
    _, file = export("digits", "format=safetensors")
    with safetensors.safe_open(file, "pt") as opened:
        about = opened.metadata()
    network = json.loads(about["network"])
    mlp = MLP(**{key: value for key, value in network.items() if key != "_target_"})
    mlp.load_state_dict(load_file(file))
    x = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(mlp.eval()(x), checkpoint.load(run_of("digits"))(x))
    assert about["data"] == "digits" and json.loads(about["facts"])["image_size"] == 8
    assert json.loads(about["class_names"])[3] == "3"


def test_weights_that_share_memory_are_all_there(run_of, tmp_path: Path) -> None:
    """safetensors refuses tensors that are one: tied embeddings."""
    words = ("model=gru_tiny", "model.tied_embeddings=true", "data=python_source", "data.max_characters=20000")
    task, data, of_run = untrained(*words)
    exporting.write(Request(RunDir(tmp_path), "safetensors", tmp_path / "weights"), task, data, of_run)
    assert load_file(tmp_path / "weights").keys() == task.net.state_dict().keys()


# Integers, and time


@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_integers_are_scored_on_the_test_part(run_of, export, how: str) -> None:
    said, file = export("pictures", "format=onnx", f"quantize={how}")
    before, after, count = re.search(
        r"accuracy goes from ([\d.]+) to ([\d.]+) on the test part \((\d+) ", said
    ).groups()
    results = json.loads((run_of("pictures") / "results.json").read_text())
    assert float(before) == pytest.approx(results["metrics"]["test/accuracy"], abs=1e-4)
    data = served_by(run_of("pictures"))[1]
    split = data.split("test")
    made = answers(file, (data.prepare(split.x, split.y)[0],))
    assert float(after) == pytest.approx((made["logits"].argmax(axis=1) == split.y.numpy()).mean(), abs=1e-4)
    assert int(count) == len(split)
    kinds = {node.op_type for node in onnx.load(file).graph.node}
    assert kinds & ({"ConvInteger", "MatMulInteger"} if how == "dynamic" else {"QuantizeLinear"})
    assert metadata(file)["model"] == "cnn_tiny"


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


@pytest.mark.slow
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


# What is not the network leaves nothing


class Turncoat(nn.Module):
    """A network that is another in a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) * (1.01 if torch.compiler.is_exporting() else 1.0)


class Unsteady(Turncoat):
    """One whose way depends on a number."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) * (2.0 if float(x.sum()) > 0 else 1.0)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_file_that_computes_something_else_is_not_kept(tmp_path: Path, format: str) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Turncoat().eval()
    with pytest.raises(PlatformError, match=r"logits of a batch of 1 differs by up to 0\.01") as caught:
        exporting.write(Request(RunDir(tmp_path), format, tmp_path / "exports" / "model"), task, data, of_run)
    assert caught.value.exit_code == 5
    assert not list(tmp_path.iterdir()), "no file, no draft, no folder"


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_what_is_no_graph_is_said_in_one_line(tmp_path: Path, format: str) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Unsteady().eval()
    with pytest.raises(ConfigError, match=r"cannot be written as a graph: [^\n]*;.*try format=") as caught:
        exporting.write(Request(RunDir(tmp_path), format, tmp_path / "exports" / "model"), task, data, of_run)
    assert len(str(caught.value).splitlines()) == 1 and not list(tmp_path.iterdir())


def test_an_older_file_stays_where_a_new_one_fails(tmp_path: Path) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Turncoat().eval()
    (tmp_path / "model.pt2").write_text("old")
    with pytest.raises(PlatformError):
        exporting.write(Request(RunDir(tmp_path), "pt2", tmp_path / "model.pt2"), task, data, of_run)
    assert (tmp_path / "model.pt2").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


# Mistakes


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


def test_a_missing_extra_is_named(run_of, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert cli.main(["export", f"run={run_of('digits')}", "format=onnx"]) == 5
    assert "onnxscript, which is not installed" in (said := capsys.readouterr().err)
    assert "pip install 'netyard[export]'" in said


def test_mistakes_and_help_leave_torch_asleep(tmp_path: Path, command) -> None:
    call = """
import sys
from netyard import cli
codes = [cli.main(["export", *words.split()]) for words in ("--help", "run=x format=y", "run=x format=pt2")]
assert codes == [0, 2, 4] and not {"torch", "onnx", "onnxruntime"} & set(sys.modules), codes
"""
    assert command("-c", call).code == 0


# The guide


def test_the_commands_of_the_guide_are_understood(run_of) -> None:
    found = [
        words
        for page in (ROOT / "README.md", ROOT / "docs" / "deploying.md")
        for words in re.findall(r"netyard export ([^#`\n]+)", page.read_text(encoding="utf-8"))
        if "=" in words
    ]
    assert len(found) >= 8
    for words in found:
        parse(shlex.split(words.replace("RUN_DIR", str(run_of("digits")))))


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
