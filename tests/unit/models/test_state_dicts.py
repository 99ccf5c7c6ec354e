"""Weights are found in the content of a file, whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from netyard.models.state_dicts import StateDict, find


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 5))


def weights(seed: int = 0) -> StateDict:
    torch.manual_seed(seed)
    return network().state_dict()


def named(prefix: str, state: StateDict) -> StateDict:
    return {prefix + name: value for name, value in state.items()}


def same(found: StateDict, expected: StateDict) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], value) for name, value in expected.items())


WRAPPED: dict[str, Callable[[StateDict], Any]] = {
    "bare": lambda state: state,
    **{key: (lambda state, key=key: {key: state, "epoch": 3}) for key in ("model", "state_dict", "net", "weights")},
    "model_state_dict": lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {0: {"m": state}}}},
    "ddp": lambda state: named("module.", state),
    "compiled": lambda state: {"model": named("_orig_mod.", state)},
    "ddp of compiled": lambda state: {"state_dict": named("module._orig_mod.", state)},
    "compiled of ddp": lambda state: {"state_dict": named("_orig_mod.module.", state)},
    "compiled layers": lambda state: {name.replace("0.", "0._orig_mod.", 1): each for name, each in state.items()},
    "lightning": lambda state: {"state_dict": {**named("model.", state), "criterion.weight": torch.ones(5)}},
    "lightning and ddp": lambda state: {"state_dict": named("net.module.", state), "loops": {}},
    "nested": lambda state: {"checkpoint": {"models": [{"net": named("backbone.body.", state)}]}},
    "a tuple": lambda state: ("resnet", named("module.", state)),
    "beside numbers": lambda state: {**state, "epoch": 3, "arch": "net"},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_weights_are_found_in_any_wrapping(wrap: Callable[[StateDict], Any]) -> None:
    state = weights()
    found = find(wrap(state), network())
    assert found is not None and same(found.state, state)
    assert (found.num_fitting, found.averaged) == (len(state), False)


AVERAGED: dict[str, Callable[[StateDict, StateDict], Any]] = {
    **{
        f"{key} beside {other}": (lambda raw, average, key=key, other=other: {other: raw, key: average})
        for key in ("model_ema", "ema", "state_dict_ema", "ema_state_dict", "params_ema")
        for other in ("model", "state_dict")
    },
    "first": lambda raw, average: {"state_dict_ema": named("module.", average), "state_dict": raw},
    "nested": lambda raw, average: {"ema": {"module": average, "decay": 0.99}, "model": raw},
    "one state dict": lambda raw, average: {**named("online_model.", raw), **named("ema_model.", average)},
    "lightning": lambda raw, average: {
        "current_model_state": raw, "state_dict": average, "averaging_state": {"n_averaged": torch.tensor(3)},
    },
}  # fmt: skip


@pytest.mark.parametrize("wrap", AVERAGED.values(), ids=AVERAGED)
def test_a_moving_average_is_preferred_and_said(wrap: Callable[[StateDict, StateDict], Any]) -> None:
    raw, average = weights(0), weights(1)
    found = find(wrap(raw, average), network())
    assert found is not None and same(found.state, average)
    assert found.averaged and "a moving average of weights" in found.described()


def test_an_average_of_parameters_gets_the_buffers_of_the_weights() -> None:
    raw = {**weights(0), "1.running_mean": torch.full((4,), 7.0)}
    parameters = {name for name, _ in network().named_parameters()}
    average = {name: value for name, value in weights(1).items() if name in parameters}
    found = find({"model": raw, "ema": average}, network())
    assert found is not None and found.averaged
    assert torch.equal(found.state["1.running_mean"], raw["1.running_mean"])
    assert torch.equal(found.state["0.weight"], average["0.weight"])


def test_an_average_of_another_network_is_not_taken() -> None:
    raw = weights()
    found = find({"model": raw, "ema": {"0.weight": torch.ones(1), "other": torch.ones(2)}}, network())
    assert found is not None and not found.averaged and same(found.state, raw)


def test_torchs_own_average_is_found() -> None:
    net = network()
    found = find(AveragedModel(net).state_dict(), network())
    assert found is not None and found.averaged and same(found.state, net.state_dict())


def test_a_layer_called_module_keeps_its_name() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(2, 2)

    net = Wrapped()
    found = find({"state_dict": named("module.", net.state_dict())}, Wrapped())
    assert found is not None and same(found.state, net.state_dict())


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, [1, 2], None, {"model": {"a": "b"}}, {0: torch.ones(2)}], ids=str
)
def test_content_without_named_tensors_has_no_weights(content: Any) -> None:
    assert find(content, network()) is None


def test_a_deep_nest_does_not_exhaust_the_stack() -> None:
    content: Any = {"weight": torch.ones(1)}
    for _ in range(5000):
        content = {"a": content}
    assert find(content, network()) is None


def test_weights_of_another_network_fit_less() -> None:
    other: dict[str, Tensor] = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(2, 2)).state_dict()
    found = find(other, network())
    assert found is not None and found.num_fitting == 2 and found.num_named == 4
