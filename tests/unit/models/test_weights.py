"""Weights from files and from the libraries, into networks of other heads, channels and image sizes."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import Tensor, nn

Build = Callable[..., nn.Module]
TINY = {"layers": (1, 1, 1, 1), "channels": (8, 16, 32, 64)}


@pytest.fixture
def donor() -> nn.Module:
    """timm's own network, as resnet_tiny is, with a head of five classes."""
    return timm.create_model("resnet18", num_classes=5, **TINY)


def test_a_state_dict_of_the_library_gives_the_same_outputs(build: Build, donor: nn.Module, tmp_path: Path) -> None:
    torch.save(donor.state_dict(), tmp_path / "donor.pt")
    net = build("resnet_tiny", 3, 224, 5, pretrained=str(tmp_path / "donor.pt")).eval()
    x = torch.randn(2, 3, 224, 224)
    assert torch.equal(net(x), donor.eval()(x))


def test_another_output_layer_is_skipped_and_logged(
    build: Build, donor: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "donor.safetensors"
    safetensors.torch.save_file(donor.state_dict(), file)
    with caplog.at_level(logging.INFO):
        net = build("resnet_tiny", 3, 224, 10, pretrained=str(file))
    assert torch.equal(net.network.layer4[0].conv2.weight, donor.layer4[0].conv2.weight)
    assert "fc.bias, fc.weight" in caplog.text


@pytest.mark.parametrize("image_size", [8, 224])
def test_a_checkpoint_of_ours_fits_the_network_it_came_from(build: Build, tmp_path: Path, image_size: int) -> None:
    net = build("resnet_tiny", 1, image_size, 10)
    state = {f"net.{key}": value for key, value in net.state_dict().items()}
    torch.save({"state_dict": {**state, "loss.weight": torch.ones(3)}, "epoch": 3}, tmp_path / "best.ckpt")
    again = build("resnet_tiny", 1, image_size, 10, pretrained=str(tmp_path / "best.ckpt"))
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in net.state_dict().items())


def test_published_weights_at_a_small_size_keep_the_geometry_of_the_small_net(
    build: Build, donor: nn.Module, tmp_path: Path
) -> None:
    torch.save(donor.state_dict(), tmp_path / "donor.pth")
    net = build("resnet_tiny", 3, 32, 10, pretrained=str(tmp_path / "donor.pth"))
    assert net.network.conv1.weight.shape == build("resnet_tiny", 3, 32, 10).network.conv1.weight.shape
    # A kernel's sum, its answer to a flat area, survives the shrinking from 7x7 to 3x3.
    sums = net.network.conv1.weight.sum((2, 3)), donor.conv1.weight.sum((2, 3))
    assert torch.corrcoef(torch.stack([s.flatten() for s in sums]))[0, 1] > 0.5


def test_auxiliary_heads_may_be_absent_on_either_side(build: Build, tmp_path: Path) -> None:
    bare = build("googlenet", 3, 224, 10, auxiliary=False)
    torch.save(bare.network.state_dict(), tmp_path / "bare.pt")
    full = build("googlenet", 3, 224, 10, pretrained=str(tmp_path / "bare.pt"))
    assert torch.equal(full.network.fc.weight, bare.network.fc.weight)
    torch.save(full.network.state_dict(), tmp_path / "full.pt")
    build("googlenet", 3, 224, 10, auxiliary=False, pretrained=str(tmp_path / "full.pt"))


def refusal(build: Build, *arguments: Any, **keys: Any) -> BaseException:
    with pytest.raises(Exception) as caught:
        build(*arguments, **keys)
    return caught.value.__cause__ or caught.value


def test_other_channels_are_refused(build: Build, donor: nn.Module, tmp_path: Path) -> None:
    torch.save(donor.state_dict(), tmp_path / "donor.pt")
    error = refusal(build, "resnet_tiny", 1, 224, pretrained=str(tmp_path / "donor.pt"))
    assert isinstance(error, ValueError)
    assert "images of 3 channels and the data has 1" in str(error) and "try data with 3" in str(error)


def test_another_architecture_is_refused(build: Build, donor: nn.Module, tmp_path: Path) -> None:
    torch.save(donor.state_dict(), tmp_path / "donor.pt")
    error = refusal(build, "mobilenet_tiny", 3, 224, pretrained=str(tmp_path / "donor.pt"))
    assert isinstance(error, ValueError)
    assert "does not fit this network" in str(error) and "more" in str(error)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "is not there"), (b"not a checkpoint", "cannot be read"), ({"epoch": 3}, "holds no state dict")],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_holds_no_weights_is_refused(
    build: Build, tmp_path: Path, suffix: str, content: Any, why: str
) -> None:
    file = tmp_path / f"weights{suffix}"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content and suffix == ".pt":
        torch.save(content, file)
    elif content:
        safetensors.torch.save_file({}, file)
    error = refusal(build, "resnet_tiny", pretrained=str(file))
    assert isinstance(error, ValueError)
    assert f"model.pretrained is {file}, which {why}" in str(error) and "try model.pretrained=" in str(error)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "resnet18", "densenet121"])
def test_without_a_network_the_published_weights_are_refused(
    build: Build, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: Any, **__: Any) -> NoReturn:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    error = refusal(build, name, 3, 224, pretrained=True)
    assert isinstance(error, OSError) and not isinstance(error, URLError)
    assert "could not be downloaded" in str(error) and "try model.pretrained=FILE" in str(error)


def serve(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> None:
    """Let torchvision "download" this state dict."""
    monkeypatch.setattr(torchvision.models._api.WeightsEnum, "get_state_dict", lambda self, **_: state)


def test_published_weights_of_torchvision_fit_grey_images(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    published = torchvision.models.mobilenet_v3_small().state_dict()
    serve(monkeypatch, published)
    net = build("mobilenet_v3_small", 1, 224, 1000, pretrained=True).eval()
    first = published["features.0.0.weight"]
    assert torch.allclose(net.network.features[0][0].weight, first.sum(1, keepdim=True))
    assert torch.equal(net.network.classifier[3].weight, published["classifier.3.weight"])


def test_the_input_scale_of_published_inceptions_is_in_their_weights(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = torchvision.models.inception_v3(init_weights=False, aux_logits=True, transform_input=True).eval()
    published.Conv2d_1a_3x3.bn.running_mean.normal_()
    serve(monkeypatch, published.state_dict())
    net = build("inception_v3", 3, 80, 1000, pretrained=True).eval()
    x = torch.randn(1, 3, 80, 80)
    assert torch.allclose(net(x), published(x), atol=1e-4)
