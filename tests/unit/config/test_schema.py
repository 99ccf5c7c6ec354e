"""What is said about a config before anything is built. That every listed name passes is in ``test_catalog.py``."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf

from netyard.config import compose, schema
from netyard.errors import ConfigError


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as refused:
        schema.check(*compose.compose(overrides))
    assert refused.value.exit_code == 2
    return str(refused.value)


def test_a_mistake_is_said_in_three_parts():
    assert refusal("optimizer.lr=-1") == "optimizer.lr is -1; it must be a number above 0; try optimizer.lr=0.001."
    assert refusal("model.hidden_sizes=[64,0]") == (
        "model.hidden_sizes is 0; it must be a whole number at least 1; try model.hidden_sizes=[512,256]."
    )
    assert refusal("trainer.limit_val_batches=1.5").endswith(
        "a number above 0, whole if above 1, or null; try trainer.limit_val_batches=1."
    )


def test_a_mistake_is_named_where_it_was_typed_and_not_where_it_was_copied_to():
    assert refusal("model.dropout=1.5").startswith("model.dropout is 1.5;")
    assert refusal("data.batch_size=0").startswith("data.batch_size is 0;")


def test_one_name_has_a_range_of_its_own_in_every_class() -> None:
    """RMSprop's alpha is a number up to 1, the focal loss's a weight for each class."""
    schema.check(*compose.compose(["loss=focal", "loss.alpha=[1,3]"]))
    assert refusal("loss=focal", "loss.alpha=[1,-3]").startswith("loss.alpha is -3; it must be a number at least 0;")
    assert "optimizer.alpha is 3;" in refusal("optimizer=rmsprop", "optimizer.alpha=3")
    assert "at least 0 and below 1" in refusal("augmentation=standard", "augmentation.brightness=2")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.activation=rleu"], "model.activation is 'rleu'; it must be one of .*; try model.activation=relu."),
        (["model.batch_norm=1"], "model.batch_norm is 1; it must be true or false; try model.batch_norm=true."),
        (["model.hidden_sizes=true"], "model.hidden_sizes is true; it must be a list"),
        (["model.hidden_sizes=64"], "model.hidden_sizes is 64; it must be a list"),
        (["model.dropout=null"], "model.dropout is null; it must be a number"),
        (["data.batch_size='64'"], "data.batch_size is '64'; it must be a whole number"),
        (["optimizer.betas=[0.9]"], "optimizer.betas is .*; it must be a list of 2, each of it a number at least 0"),
        (["trainer.precision=bf61-mixed"], "try trainer.precision=bf16-mixed."),
        (["callbacks.finite.every_n_steps=0"], "callbacks.finite.every_n_steps is 0;"),
        (["model=timm_tiny", "+model.arguments.drop_path_rate=nan"], "model.arguments.drop_path_rate is nan; numbers"),
        (["model=cnn", "model.kernel_size=2"], "model.kernel_size is 2; it must be an odd number at least 1"),
        (["data=[digits]"], "data is given as a list, or not as an option; .* try data=acrobot."),
        (["callbacks.progress=5"], "callbacks.progress is 5; it must be a node with a _target_, or null; try"),
        (["task.net=3"], "task.net is 3; it is the node of the group model; try model="),
        (["task.optimizer=null"], "task.optimizer is null; it is the node of the group optimizer; try optimizer="),
        (["data.augmentation=[1]"], r"data.augmentation is \[1\]; it is the node of the group augmentation; try"),
        (["threads=many"], "threads is 'many'; it must be a whole number at least 1, or auto; try threads="),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_types_words_and_lists_are_checked_too(overrides: list[str], said: str) -> None:
    assert re.search(said, refusal(*overrides))


def test_what_repeats_another_key_is_mended_there() -> None:
    said = refusal("data=digits", "loss=discretized_logistic", "model=vae_tiny", "data.max_value=16.5")
    assert said.startswith("loss.max_value is 16.5; it must be a whole number") and said.endswith(
        "try data.max_value=255."
    )


def test_what_only_the_data_can_tell_is_not_judged_before_they_are_read() -> None:
    schema.check(*compose.compose(["data=csv", "data.path=x.csv", "data.target=3"]))


def test_a_key_that_no_run_knows_is_refused():
    cfg, choices = compose.compose([])
    cfg.lr = 0.1
    with pytest.raises(
        ConfigError, match=r"there is no key 'lr'; the keys of a run are .*optimizer.*seed.*remove lr from"
    ):
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["data=csv", "data.path=a.csv", "data.target=y", "data.val_path=[b.csv,c.csv]"],
            "a run is validated on one set, .*; try data.val_path=b.csv, .* evaluate RUN_DIR data.test_path=c.csv",
        ),
        (
            ["data=image_folder", "data.root=a", "data.test_root=[b,c]"],
            "a run is tested on one set, .*; try data.test_root=b, .* evaluate RUN_DIR data.test_root=c",
        ),
    ],
)
def test_further_sets_are_tested_by_evaluate(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        schema.check(*compose.compose(words))
