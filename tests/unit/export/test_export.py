"""``netyard export``: files of every task and network compute the same, and the messages for wrong options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file

from netyard.errors import PlatformError
from netyard.export import export, weights
from netyard.export.request import Request, parse
from netyard.run_directories.directory import RunDir
from support.exports import (
    ROOT,
    Turncoat,
    untrained,
)


@pytest.mark.parametrize(("format", "suffix"), [("state_dict", ".pt"), ("safetensors", ".safetensors")])
def test_timm_takes_the_weights_of_a_resnet_and_netyard_does(tmp_path: Path, format: str, suffix: str) -> None:
    pictures = ("model=resnet_tiny", "data=fake", "data.channels=3", "data.image_size=128")
    task, data, of_run = untrained(*pictures)
    path = tmp_path / f"weights{suffix}"
    said = export.write(Request(RunDir(tmp_path), format, path), task, data, of_run)
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
        assert net.loaded_by() == f"{library} can load them"
        eval(library, {"timm": timm, "torchvision": torchvision}).load_state_dict(net.network.state_dict(), assign=True)
    assert list(net.network.state_dict()) == list(weights.state_of(net.to_empty(device="cpu")))


def test_weights_that_do_not_fit_the_library_are_reported(tmp_path: Path) -> None:
    task, data, of_run = untrained("model=resnet_tiny")
    said = export.write(Request(RunDir(tmp_path), "state_dict", tmp_path / "weights.pt"), task, data, of_run)
    assert "timm's own resnet18 cannot load them" in said
    assert "conv1.weight is [64, 1, 3, 3], not [64, 1, 7, 7]" in said


@pytest.mark.parametrize("format", ["state_dict", "safetensors"])
def test_weights_of_a_diverged_run_are_exported(tmp_path: Path, format: str) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    with torch.no_grad():
        next(task.net.parameters()).fill_(torch.nan)
    export.write(Request(RunDir(tmp_path), format, tmp_path / "weights"), task, data, of_run)
    assert (tmp_path / "weights").exists()


def test_weights_that_share_memory_are_all_saved(tmp_path: Path) -> None:
    """safetensors refuses tensors that share memory, as tied embeddings do."""
    words = ("model=gru_tiny", "model.tied_embeddings=true", "data=python_source", "data.max_characters=20000")
    task, data, of_run = untrained(*words)
    export.write(Request(RunDir(tmp_path), "safetensors", tmp_path / "weights"), task, data, of_run)
    assert load_file(tmp_path / "weights").keys() == task.net.state_dict().keys()


def test_an_older_file_is_kept_if_the_export_fails(tmp_path: Path) -> None:
    task, data, of_run = untrained("model=mlp_tiny")
    task.net = Turncoat().eval()
    (tmp_path / "model.pt2").write_text("old")
    with pytest.raises(PlatformError):
        export.write(Request(RunDir(tmp_path), "pt2", tmp_path / "model.pt2"), task, data, of_run)
    assert (tmp_path / "model.pt2").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_the_commands_of_the_guide_are_valid(tmp_path: Path) -> None:
    found = [
        words
        for page in (ROOT / "README.md", ROOT / "docs" / "deploying.md")
        for words in re.findall(r"netyard export ([^#`\n]+)", page.read_text(encoding="utf-8"))
        if "=" in words
    ]
    assert len(found) >= 8
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("[]")
    for words in found:
        parse(shlex.split(words.replace("RUN_DIR", str(tmp_path))))
