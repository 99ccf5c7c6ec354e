"""Q-networks: every variant and every encoder."""

from __future__ import annotations

import pytest
import torch

from netyard.config.catalog import families, variants
from netyard.models.q_network import QNetwork

NAMES = list(families()["dqn"]["variants"])


def build(name: str, shape: tuple[int, ...] = (4,), **keys: object) -> QNetwork:
    facts = {"input_shape": shape, "num_actions": 3}
    settings = {key: value for key, value in variants()[name].items() if key not in ("_target_", "defaults", *facts)}
    settings = {key: 5 if str(value).startswith("${") else value for key, value in settings.items()}
    return QNetwork(**facts, **{**settings, **keys})


@pytest.mark.parametrize("shape", [(4,), (2, 10, 10), (4, 84, 84)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_every_variant_returns_a_value_for_every_action(name: str, shape: tuple[int, ...]) -> None:
    net = build(name, shape)
    outputs = net(torch.rand(2, *shape))
    assert outputs.shape == ((2, 3) if net.num_atoms == 1 else (2, 3, 5))
    net.draw_noise()
    net(torch.rand(2, *shape)).square().sum().backward()
    assert [path for path, each in net.named_parameters() if each.grad is None or not each.grad.any()] == []


@pytest.mark.parametrize(
    ("encoder", "shape", "parameters"),
    [
        ("auto", (4,), 4 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2),
        # Mnih et al. 2015 with 4 frames of 84 x 84 and 18 actions: 1,693,362 in every implementation.
        ("nature", (4, 84, 84), 1_693_362),
        ("auto", (4, 84, 84), 1_693_362),
        ("small", (4, 10, 10), 4 * 16 * 9 + 16 + 16 * 64 * 128 + 128 + 128 * 18 + 18),
    ],
)
def test_parameter_counts_are_the_expected_ones(encoder: str, shape: tuple[int, ...], parameters: int) -> None:
    net = QNetwork(shape, 2 if len(shape) == 1 else 18, encoder=encoder)
    assert sum(each.numel() for each in net.parameters()) == parameters


def test_impala_has_three_stages_of_two_residual_blocks() -> None:
    net = QNetwork((4, 84, 84), 6, encoder="impala")
    convolutions = [each for each in net.encoder.modules() if isinstance(each, torch.nn.Conv2d)]
    assert len(convolutions) == 15
    assert net.hidden[0].in_features == 32 * 11 * 11 and net(torch.rand(1, 4, 84, 84)).shape == (1, 6)


def test_uint8_images_are_scaled_and_boolean_ones_are_not() -> None:
    net = QNetwork((2, 10, 10), 3)
    x = torch.randint(0, 256, (2, 2, 10, 10), dtype=torch.uint8)
    torch.testing.assert_close(net(x), net(x.float() / 255))
    bits = x > 100
    torch.testing.assert_close(net(bits), net(bits.float()))


def test_values_of_a_dueling_network_have_advantages_with_a_mean_of_zero() -> None:
    net = QNetwork((4,), 3, dueling=True)
    x = torch.rand(5, 4)
    hidden = net.hidden(net.encoder(x))
    torch.testing.assert_close(net(x).mean(dim=1, keepdim=True), net.value(hidden))
    advantage = net.advantage(hidden)
    torch.testing.assert_close(net(x) - net.value(hidden), advantage - advantage.mean(dim=1, keepdim=True))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"encoder": "nature", "input_shape": (4,)}, r"nature needs images .* 36 pixels.*try model\.encoder=auto"),
        ({"encoder": "natur"}, r"try model\.encoder=nature"),
        ({"hidden_sizes": [0]}, r"hidden_sizes"),
        ({"activation": "rulu"}, r"relu"),
        ({"num_actions": 0}, r"num_actions"),
    ],
)
def test_wrong_arguments_are_refused(keys: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        QNetwork(**{"input_shape": (4,), "num_actions": 2, **keys})
