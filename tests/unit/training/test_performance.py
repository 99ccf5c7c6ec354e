"""How a network is run: what is chosen for which work, and that nothing but rounding follows from it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule

from netyard.config import schema
from netyard.config.compose import compose
from netyard.config.instantiate import build
from netyard.errors import ConfigError
from netyard.training import performance
from netyard.training.performance import Choice


def composed(*overrides: str) -> tuple[dict[str, Any], LightningModule]:
    cfg, choices = compose([*overrides, "threads=1"])
    config = schema.resolve(cfg, choices)
    return config, build(config["task"])


def chosen(*overrides: str) -> Choice:
    return performance.choose(*composed(*overrides))


@pytest.mark.parametrize(
    ("model", "last"),
    [("mlp", False), ("cnn", True), ("lenet5", True), ("mobilenet_v3_small", True), ("resnet18", False)],
)
def test_channels_last_is_used_where_it_is_faster_on_a_cpu(model: str, last: bool) -> None:
    config, task = composed("data=fake", "data.image_size=32", f"model={model}", "trainer=cpu")
    choices = {}
    for level in performance.LEVELS:
        config["trainer"]["performance"] = level
        choices[level] = performance.choose(config, task)
    assert choices["auto"] == Choice(1, "32-true", channels_last=last)
    assert choices["safe"] == Choice(1, "32-true", fast_kernels=False)
    assert choices["max"] == choices["auto"], "a CPU gains nothing more"


@pytest.mark.parametrize("words", ["model=dcgan", "model=cnn trainer.strategy=fsdp", "model=cnn optimizer=lbfgs"])
def test_no_channels_last_for_transposed_convolutions_fsdp_and_lbfgs(words: str) -> None:
    assert not chosen(*words.split(), "trainer=cpu").channels_last


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("model=mlp",), Choice(1, "32-true")),
        (("model=resnet18",), Choice(1, "32-true", channels_last=True)),
        (("model=mlp", "trainer.performance=safe"), Choice(1, "32-true", fast_kernels=False)),
        (("model=mlp", "trainer.performance=max"), Choice(1, "bf16-mixed", compile="reduce-overhead")),
        (
            ("model=resnet50", "data=fake", "data.image_size=224", "data.batch_size=256", "trainer.performance=max"),
            Choice(1, "bf16-mixed", channels_last=True, compile="default"),
        ),
        (
            ("model=mlp", "trainer.performance=max", "trainer.precision=16-mixed"),
            Choice(1, "16-mixed", compile="reduce-overhead"),
        ),
        (("model=contractive_autoencoder", "trainer.performance=max"), Choice(1, "bf16-mixed")),
        (("model=mlp", "trainer.performance=max", "trainer=cpu"), Choice(1, "32-true")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_choices_for_a_gpu(monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], expected: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(performance.shutil, "which", lambda name: f"/bin/{name}")
    assert chosen(*overrides) == expected


def test_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"trainer\.performance is 'fast'; it is one of auto, safe, max"):
        chosen("trainer.performance=fast")


def test_choice_as_text() -> None:
    assert str(Choice(1, "32-true")) == "1 thread"
    full = Choice(2, "bf16-mixed", channels_last=True, compile="reduce-overhead")
    assert str(full) == "2 threads, bf16-mixed, channels last, compiled into CUDA graphs"


def test_a_compiled_network_keeps_its_keys() -> None:
    """Where torch has a compiler it would be used at the first call; in place it changes no name."""
    _, task = composed("model=mlp_tiny")
    keys = list(task.state_dict())
    performance.prepare(Choice(1, "32-true", compile="default"), task)
    assert list(task.state_dict()) == keys and task.net._compiled_call_impl is not None


H, T, F = 16, 8, 8  # lstm_tiny and its kin on the rows of the digits
HEAD = H * 10


def made(*overrides: str, **facts: int) -> tuple[Any, dict[str, Any]]:
    """The task, and the resolved config of its data."""
    cfg, choices = compose(overrides)
    cfg.data.update(facts)
    config = schema.resolve(cfg, choices)
    return build(config["task"]), config["data"]


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (["model=perceptron"], 64 * 10),
        (["model=mlp", "model.hidden_sizes=[32]"], 64 * 32 + 32 * 10),
        # Of a recurrent net one step, with its share of the head that follows the last.
        (["model=rnn_tiny"], H * (F + H) + HEAD / T),
        (["model=gru_tiny"], 3 * H * (F + H) + HEAD / T),
        (["model=lstm_tiny"], 4 * H * (F + H) + HEAD / T),
        (["model=lstm_tiny", "model.bidirectional=true"], 2 * 4 * H * (F + H) + 2 * HEAD / T),
        # Vectors of the rows; queries, keys, values and projection, scores and their use, two layers of 4 H; the head.
        (
            ["model=transformer", "model.hidden_size=32", "model.num_layers=1"],
            T * (F * 32 + 12 * 32**2 + 2 * T * 32) + 320,
        ),
    ],
    ids=str,
)
def test_multiply_adds_of_one_sample(overrides: list[str], wanted: float) -> None:
    task, data = made(*overrides)
    task.train()
    # Torch before 2.15 does not count the scores of attention on the CPU, four hundredths of that net's work.
    assert performance.multiply_adds(task, data) == pytest.approx(wanted, rel=0.05)
    assert all(module.training for module in task.modules()), "as it was"


def test_tokens_are_counted_too() -> None:
    """Looking a token's vector up multiplies nothing."""
    task, data = made(
        "model=lstm_tiny", "data=sentiment", "data.path=x", num_classes=3, vocab_size=20, sequence_length=5
    )
    assert performance.multiply_adds(task, data) == pytest.approx(4 * H * (16 + H) + H * 3 / 5)


def test_threads_are_chosen_by_the_work_or_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "default_threads", lambda: 4)
    task, data = made("model=mlp_tiny")
    assert performance.set_threads(2, task, data) == 2
    assert performance.set_threads("auto", task, data) == 1
    assert performance.set_threads("auto", task, {**data, "batch_size": 10**6}) == 4
    unknown = {key: value for key, value in data.items() if key != "input_shape"}
    assert performance.set_threads("auto", task, unknown) == 4, "taken for large"
    monkeypatch.setattr(performance, "default_threads", lambda: 3)
    assert performance.set_threads("auto", task, unknown) == 3, "the share of a job beside others"
