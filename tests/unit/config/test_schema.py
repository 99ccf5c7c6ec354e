"""What is said about a config before anything is built. That every listed name passes is in ``test_catalog.py``."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from netyard.config import compose, schema
from netyard.config.schema import RULES, Number
from netyard.errors import ConfigError

NAN, INF = float("nan"), float("inf")


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as refused:
        schema.check(*compose.compose(overrides))
    assert refused.value.exit_code == 2
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "admitted", "refused"),
    [
        ("lr", [1e-9, 1, 100.0], [0, -1, NAN, INF, "0.1", True]),
        ("momentum", [0, 0.9], [1, 1.0, -0.1, 2]),
        ("weight_decay", [0, 0.5, 3], [-1e-9, NAN]),
        ("dropout", [0, 0.999, None], [1, -0.1, "half"]),
        ("label_smoothing", [0.0, 0.1], [1.0]),
        ("val_fraction", [0.1, 0.999], [0, 1, -1]),
        ("final_ratio", [0, 1, 0.01], [1.01, -0.01]),
        ("seed", [0, 7, 2**32 - 1], [-1, 2**32, 1.5, None, True]),
        ("threads", [1, 8, "auto"], [0, -1, "many", 1.5]),
        ("batch_size", [1, 4096], [0, -8, 32.0, None, True]),
        ("num_workers", [0, 4], [-1, 0.5]),
        ("max_epochs", [1, -1, None], [0, -2, 1.5, INF]),
        ("max_steps", [1, -1, None], [0, -2, 1.5]),
        ("hidden_sizes", [1, 64], [0, -1, 1.5]),
        ("gradient_clip_val", [0.5, 1, None], [0, -1]),
        ("limit_train_batches", [0.5, 1, 1.0, 3], [0, 0.0, -1, 1.5]),
        ("patience", [0, 10], [-1, 1.5]),
    ],
)
def test_ranges(key: str, admitted: list[object], refused: list[object]):
    assert [value for value in admitted if not RULES[key].admits(value)] == []
    assert [value for value in refused if RULES[key].admits(value)] == []


@pytest.mark.parametrize("key", RULES)
def test_the_example_that_a_rule_offers_is_one_it_admits(key: str):
    assert RULES[key].admits(RULES[key].example)


def test_a_rule_describes_itself():
    assert str(Number(0, 1, open_high=True)) == "a number at least 0 and below 1"
    assert str(Number(0, open_low=True)) == "a number above 0"
    assert str(Number(1, whole=True, also=(None, -1))) == "a whole number at least 1, or -1"
    assert str(RULES["limit_train_batches"]) == "a number above 0, whole if above 1"


def test_a_mistake_is_said_in_three_parts():
    assert refusal("optimizer.lr=-1") == "optimizer.lr is -1; it must be a number above 0; try optimizer.lr=0.001."
    assert refusal("model.hidden_sizes=[64,0]") == (
        "model.hidden_sizes is 0; it must be a whole number at least 1; try model.hidden_sizes=[64]."
    )
    assert refusal("trainer.limit_val_batches=1.5").endswith("whole if above 1; try trainer.limit_val_batches=10.")


def test_a_mistake_is_named_where_it_was_typed_and_not_where_it_was_copied_to():
    assert refusal("model.dropout=1.5").startswith("model.dropout is 1.5;")
    assert refusal("data.batch_size=0").startswith("data.batch_size is 0;")


def test_a_key_that_no_run_knows_is_refused():
    cfg, choices = compose.compose([])
    cfg.lr = 0.1
    with pytest.raises(ConfigError, match=r"there is no key 'lr'; a run knows .*optimizer.*seed.*take lr out"):
        schema.check(cfg, choices)


def test_what_only_the_user_can_know_is_asked_for():
    said = refusal("data=csv")
    assert said.startswith("data=csv needs data.") and "type data." in said and "=..." in said


def test_an_interpolation_that_leads_nowhere_names_what_would_fit():
    said = refusal("model=resnet_tiny", "data=iris")
    assert "model=resnet_tiny does not fit data=iris, which has no " in said
    with_it, fitting, offered = (part.strip() for part in said.split(";")[1:])
    assert "digits" in with_it and "mnist" in with_it and "iris" not in with_it
    assert fitting.startswith("models that fit data=iris: perceptron, mlp") and "resnet" not in fitting
    another_model, other_data = offered.removeprefix("try ").removesuffix(".").split(" or ")
    schema.check(*compose.compose([another_model, "data=iris"]))
    schema.check(*compose.compose(["model=resnet_tiny", other_data]))


def test_resolving_follows_interpolations_and_gives_plain_values():
    cfg = OmegaConf.create({"seed": 3, "data": {"seed": "${seed}", "shape": ["${seed}", 1]}})
    resolved = schema.resolve(cfg, {})
    assert resolved == {"seed": 3, "data": {"seed": 3, "shape": [3, 1]}}
    assert type(resolved["data"]) is dict and type(resolved["data"]["shape"]) is list


@pytest.mark.parametrize(
    ("task", "has", "lacks", "words"),
    [
        ("classification", "num_targets", "num_classes", "try task=regression loss=mse."),
        ("regression", "num_classes", "num_targets", "try task=classification loss=cross_entropy."),
    ],
)
def test_a_task_that_a_table_has_no_answers_for_is_told_which_would_fit(task, has, lacks, words):
    config = {"task": {"num_outputs": None}, "data": {has: 3, lacks: None}}
    choices = {"task": task, "data": "csv"}
    with pytest.raises(ConfigError, match=f"task={task} does not fit data=csv, which has no {lacks}.* {has}; {words}"):
        schema.require_outputs(config, choices)
    schema.require_outputs({"task": {"num_outputs": 3}}, choices)
    schema.require_outputs({"task": {}}, choices)
