"""Weights from files and run directories, into netyard's own networks: what is loaded, told and refused."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.errors import ArgumentError
from netyard.models.mlp import MLP
from netyard.models.weight_files import load_pretrained, read
from netyard.training.context import resolve


def saved(folder: Path, net: nn.Module, **more: object) -> Path:
    """A run directory with a best checkpoint of the network, as a run writes it."""
    (folder / "checkpoints").mkdir(parents=True)
    state = {f"net.{name}": value for name, value in net.state_dict().items()}
    torch.save({"state_dict": state, **more}, folder / "checkpoints" / "best.ckpt")
    return folder


def test_the_best_weights_of_a_run_are_loaded(tmp_path: Path) -> None:
    net = MLP([4], 3, [8])
    run = saved(tmp_path / "run", net)
    for source in (run, run / "checkpoints" / "best.ckpt"):
        again = MLP([4], 3, [8], pretrained=str(source))
        assert all(torch.equal(value, again.state_dict()[name]) for name, value in net.state_dict().items())


def test_an_output_layer_for_other_classes_keeps_its_values_and_is_told(tmp_path: Path, caplog) -> None:
    net = MLP([4], 3, [8])
    run = saved(tmp_path / "run", net)
    with caplog.at_level(logging.INFO):
        torch.manual_seed(5)
        other = MLP([4], 6, [8], pretrained=str(run))
    torch.manual_seed(5)
    assert torch.equal(other.head.weight, MLP([4], 6, [8]).head.weight)
    assert torch.equal(other.hidden[1].weight, net.hidden[1].weight)
    assert "2 of 4 tensors loaded" in caplog.text and "keep their initial values: head.bias, head.weight" in caplog.text


def test_weights_of_another_network_are_refused_with_the_number_that_fits(tmp_path: Path) -> None:
    described = {"schema": 1, "config": {}, "choices": {"model": "mlp_tiny"}}
    run = saved(tmp_path / "run", MLP([4], 3, [8]), netyard=described)
    with pytest.raises(ArgumentError) as refused:
        MLP([4], 3, [16], pretrained=str(run))
    text = str(refused.value)
    assert f"model.pretrained={run} does not fit this network: 1 of its 4 tensors are among the 4 of the file" in text
    assert "hidden.1.weight is [8, 4], not [16, 4]" in text and "try model=mlp_tiny, as the file says" in text
    with pytest.raises(ArgumentError, match=r"hidden\.3\.bias is missing"):
        MLP([4], 3, [8, 8], pretrained=str(run))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"arch": "vit_tiny_patch16_224", "state_dict": {"w": torch.ones(2)}},
            "model.architecture=vit_tiny_patch16_224",
        ),
        ({"state_dict": {"w": torch.ones(2)}}, "try the model= with"),
    ],
)
def test_the_message_names_the_architecture_of_the_file(tmp_path: Path, content: dict, words: str) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ArgumentError, match="0 of its 4 tensors") as refused:
        MLP([4], 3, [8], pretrained=str(tmp_path / "x.pt"))
    assert words in str(refused.value)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError, match=r"is a folder without checkpoints/best\.ckpt; it must be the directory of a run"
    ):
        read(str(tmp_path))


def test_things_beside_the_weights_do_not_keep_them_from_being_loaded(tmp_path: Path) -> None:
    net = MLP([4], 3, [8])
    optimizer = torch.optim.Adam(net.parameters())
    content = {
        "model": {f"module.{name}": value for name, value in net.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, output=Path("out")),
        "best": np.float64(0.9),
        "rng": np.random.get_state(),
    }
    torch.save(content, tmp_path / "x.pth")
    again = MLP([4], 3, [8], pretrained=str(tmp_path / "x.pth"))
    assert torch.equal(again.head.weight, net.head.weight)


def test_a_pickled_network_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save({"model": nn.Linear(2, 2)}, tmp_path / "x.pt")
    with pytest.raises(ArgumentError) as refused:
        read(str(tmp_path / "x.pt"))
    text = str(refused.value)
    assert "it holds torch.nn.modules.linear.Linear, and such an object could run code" in text
    assert "torch.save(model.state_dict(), FILE)" in text


OWN = (
    "mlp_tiny", "cnn_tiny", "lenet5", "autoencoder_tiny", "vae_tiny", "vq_vae_tiny", "gan_tiny", "dcgan_tiny",
    "lstm_tiny", "seq2seq_tiny", "transformer_tiny", "dqn",
)  # fmt: skip


@pytest.mark.parametrize("model", OWN)
def test_every_network_of_netyard_takes_weights(model: str, tmp_path: Path) -> None:
    cfg, choices = compose([f"model={model}"])
    config = resolve(cfg, build(cfg.data), choices)["model"]
    assert config["pretrained"] is None
    net = build(config)
    with torch.no_grad():
        for each in net.parameters():
            each.add_(1)
    run = saved(tmp_path / "run", net)
    again = build({**config, "pretrained": str(run)})
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in net.state_dict().items())


def test_nothing_is_loaded_without_a_source() -> None:
    net = nn.Linear(2, 2)
    before = net.weight.clone()
    load_pretrained(net, None)
    assert torch.equal(net.weight, before)
