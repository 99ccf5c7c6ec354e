"""Networks of libraries: small images, auxiliary heads, freezing, errors."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import nn

Build = Callable[..., nn.Module]


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("resnet18", lambda: timm.create_model("resnet18")),
        ("densenet121", lambda: timm.create_model("densenet121")),
        ("vgg11_bn", torchvision.models.vgg11_bn),
        ("alexnet", torchvision.models.alexnet),
        ("efficientnet_b0", torchvision.models.efficientnet_b0),
        ("mobilenet_v3_small", torchvision.models.mobilenet_v3_small),
        ("googlenet", lambda: torchvision.models.googlenet(init_weights=False)),
    ],
)
def test_at_native_size_it_is_the_librarys_own_network(
    build: Build, name: str, library: Callable[[], nn.Module]
) -> None:
    with torch.device("meta"):
        net, own = build(name, 3, 224, 1000), library()
    state = {key: value.shape for key, value in net.network.state_dict().items()}
    assert state == {key: value.shape for key, value in own.state_dict().items()}
    assert [type(m) for m in net.network.modules()] == [type(m) for m in own.modules()]


def test_a_small_image_changes_the_stem_of_a_resnet(build: Build) -> None:
    network = build("resnet18", 3, 32).network
    assert (network.conv1.kernel_size, network.conv1.stride) == ((3, 3), (1, 1))
    assert isinstance(network.maxpool, nn.Identity)
    assert network.forward_features(torch.zeros(2, 3, 32, 32)).shape == (2, 512, 4, 4)


def test_a_densenet_at_64_pixels_keeps_its_pool(build: Build) -> None:
    features = build("densenet_tiny", 3, 64).network.features
    assert features.conv0.stride == (1, 1) and isinstance(features.pool0, nn.MaxPool2d)


@pytest.mark.parametrize(("name", "size"), [("alexnet", 64), ("vgg11", 32), ("inception_v3", 75), ("timm", 32)])
def test_small_images_are_enlarged_to_the_minimum_size(build: Build, name: str, size: int) -> None:
    with torch.device("meta"):
        assert build(name).resize.size == (size, size)
        assert isinstance(build(name, 3, 224).resize, nn.Identity)


@pytest.mark.parametrize("size", [[40, 48], [29, 37], [100, 60]])
@pytest.mark.parametrize("name", ["resnet_tiny", "vgg11", "alexnet", "mobilenet_v3_small", "densenet_tiny", "timm"])
def test_images_may_have_any_height_and_width(build: Build, name: str, size: list[int]) -> None:
    with torch.device("meta"):
        assert build(name, 3, size)(torch.empty(2, 3, *size)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "with_heads", "without", "extra"),
    [("googlenet", 13_004_888, 6_624_904, 2), ("inception_v3", 27_161_264, 23_834_568, 1)],
)
def test_auxiliary_heads_are_counted_trained_and_left_out_of_evaluation(
    build: Build, name: str, with_heads: int, without: int, extra: int
) -> None:
    with torch.device("meta"):
        x = torch.empty(2, 3, 224, 224)
        net, plain = build(name, 3, 224, 1000), build(name, 3, 224, 1000, auxiliary=False)
        assert (count(net), count(plain)) == (with_heads, without)
        assert [output.shape for output in net.train()(x)] == [(2, 1000)] * (1 + extra)
        assert net.eval()(x).shape == plain.train()(x).shape == (2, 1000)
    assert 0 < net.auxiliary_weight < 1


def test_a_frozen_backbone_keeps_weights_and_statistics(build: Build) -> None:
    net = build("resnet_tiny", freeze="backbone").train()
    assert [name for name, p in net.network.named_parameters() if p.requires_grad] == ["fc.weight", "fc.bias"]
    before = copy.deepcopy(net.network.bn1.state_dict())
    net(torch.randn(4, 1, 8, 8)).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in net.network.bn1.state_dict().items())
    assert net.training and not net.network.bn1.training

    net.unfreeze()
    assert all(p.requires_grad for p in net.parameters()) and net.network.bn1.training
    net.eval().unfreeze()
    assert not net.network.bn1.training


@pytest.mark.parametrize("name", ["googlenet", "vgg11", "efficientnet_tiny", "inception_v2", "timm_tiny"])
def test_freezing_leaves_the_output_layers_of_every_family(build: Build, name: str) -> None:
    with torch.device("meta"):
        net = build(name, freeze="backbone")
    trainable = {p for p in net.parameters() if p.requires_grad}
    assert trainable == {p for head in net.heads for p in net.network.get_submodule(head).parameters()}
    assert all(10 in p.shape for p in trainable)


def test_dropout_reaches_the_library(build: Build) -> None:
    with torch.device("meta"):
        assert build("resnet_tiny", dropout=0.3).network.drop_rate == 0.3
        assert build("googlenet", dropout=0.3).network.dropout.p == 0.3
        assert build("googlenet").network.dropout.p == 0.2


def test_it_can_be_pickled_and_copied(build: Build) -> None:
    net = build("googlenet", freeze="backbone")
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    assert all(len(copied.train()(torch.randn(2, 1, 8, 8))) == 3 for copied in copies)


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        (
            "timm",
            {"architecture": "resnet5"},
            "architecture is 'resnet5'; .* names in timm; .*resnet50.*; try model.arch",
        ),
        (
            "vgg11",
            {"architecture": "vgg12"},
            "architecture is 'vgg12'; .* torchvision; .*; try model.architecture=vgg1",
        ),
        (
            "timm",
            {"library": "keras", "probe_size": False},
            "library is 'keras'; it must be one of timm, torchvision",
        ),
        ("resnet_tiny", {"image_size": -8}, "image_size is -8; .* at least 1"),
        ("resnet_tiny", {"num_outputs": 0}, "num_outputs is 0"),
        ("resnet_tiny", {"dropout": 1.0}, "dropout is 1.0; it must be a number at least 0 and below 1"),
        (
            "resnet_tiny",
            {"freeze": "head"},
            "freeze is 'head'; it must be backbone, or null; try model.freeze=backbone",
        ),
        (
            "vgg11",
            {"auxiliary": True},
            "vgg11 was given aux_logits=True, and torchvision raised: .*; try it without",
        ),
        ("timm_tiny", {"arguments": {"depht": 3}}, "test_vit was .*depht.*; .*; try model.architecture="),
        (
            "inception_v2",
            {"pretrained": True},
            "bn_inception has no published weights .*; try model.pretrained=false",
        ),
    ],
)
def test_an_error_message_has_three_parts(build: Build, name: str, keys: dict[str, Any], message: str) -> None:
    with torch.device("meta"), pytest.raises(Exception, match=message) as caught:
        build(name, **keys)
    assert isinstance(caught.value.__cause__ or caught.value, ValueError)
