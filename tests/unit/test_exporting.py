"""``netyard export``: every task and every network as a file that computes the same, and every way to ask wrongly."""

from __future__ import annotations

import json
import re
import shlex
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

from netyard import checkpoint, cli, exporting, schema
from netyard.build import build
from netyard.errors import ConfigError, PlatformError
from netyard.exports import weights
from netyard.exports.request import Request, parse
from netyard.models.mlp import MLP
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


def untrained(*words: str) -> tuple[Any, Any, dict[str, Any]]:
    """A task with first weights, its data, and what a file says of them."""
    cfg, choices = cli.compose(list(words))
    data = build(cfg.data)
    cfg.data.update(data.facts())
    return build(schema.resolve(cfg, choices)["task"]).eval(), data, dict(choices)


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


def test_a_missing_extra_is_named(run_of, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert cli.main(["export", f"run={run_of('digits')}", "format=onnx"]) == 5
    assert "onnxscript, which is not installed" in (said := capsys.readouterr().err)
    assert "pip install 'netyard[export]'" in said


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
