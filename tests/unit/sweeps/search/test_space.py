"""A search space: what it makes of Hydra's grammar and YAML, its jobs, and what it refuses."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from netyard.config import catalog, compose
from netyard.errors import ConfigError
from netyard.sweeps.search.space import Space


@pytest.fixture(scope="module")
def parser() -> Iterator[OverridesParser]:
    """As a sweeper has it: it knows the configuration tree."""
    with compose.opened() as app:
        yield OverridesParser.create(config_loader=app.config_loader)


@pytest.fixture
def space(parser: OverridesParser):
    def make(*arguments: str, params: Any = None, when: Any = None, together: Any = None) -> Space:
        return Space.parse(parser, params or {}, when or {}, together or [], arguments)

    return make


@pytest.fixture
def unchecked():
    """Spaces whose keys are not looked up, which takes a composition for each combination of options."""

    def make(*arguments: str, params: Any = None, when: Any = None, together: Any = None) -> Space:
        return Space.parse(OverridesParser.create(), params or {}, when or {}, together or [], arguments)

    return make


@pytest.fixture
def refused(space):
    def say(*arguments: str, **given: Any) -> str:
        with pytest.raises(ConfigError) as error:
            space(*arguments, **given)
        assert all((error.value.given, error.value.allowed, error.value.type_this))
        return str(error.value)

    return say


def test_a_grid_is_the_product_with_the_first_axis_slowest(space):
    made = space("model=mlp,cnn", "data=digits", "seed=0,1,2", "trainer.max_epochs=3")
    assert made.fixed == ["data=digits", "trainer.max_epochs=3"]
    assert made.axes == ["model", "seed"]
    assert made.grid() == [
        ["data=digits", "trainer.max_epochs=3", f"model={model}", f"seed={seed}"]
        for model in ("mlp", "cnn")
        for seed in (0, 1, 2)
    ]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("0.1,0.01", ["0.1", "0.01"]),
        ("choice(1e-3,0.5)", ["0.001", "0.5"]),
        ("range(1,10,step=4)", ["1", "5", "9"]),
        ("range(0.1,0.35,step=0.1)", ["0.1", "0.2", "0.30000000000000004"]),
        ("[32,64],[128]", ["[32,64]", "[128]"]),
        ("'a b','c,d'", ["'a b'", "'c,d'"]),
        ("null,true", ["null", "True"]),
        ([0.1, 0.01], ["0.1", "0.01"]),
        (
            [None, True, "true", "null", "a,b", "plain", "", "1"],
            ["null", "True", "'true'", "'null'", r"a\,b", "plain", "", "'1'"],
        ),
        ([[32, 64], []], ["[32,64]", "[]"]),
        ([{"a": 1}], ["{a:1}"]),
        ("sort(3,1,2)", ["1", "2", "3"]),
    ],
    ids=str,
)
def test_values_are_the_overrides_that_hydra_makes(unchecked, parser: OverridesParser, given: Any, values: list[str]):
    made = unchecked(params={"tags": given})
    assert made.grid() == [[f"tags={value}"] for value in values]
    if isinstance(given, list):  # what was written in YAML is what a job gets
        assert [parser.parse_override(job[0]).value() for job in made.grid()] == given


def test_yaml_may_come_as_omegaconf_reads_it_and_nested(space):
    node = OmegaConf.create({"optimizer": {"lr": [0.1, 0.01]}, "model.hidden_sizes": [[8], [8, 8]]})
    assert space(params=node).axes == ["optimizer.lr", "model.hidden_sizes"]
    assert ["optimizer.lr=0.1", "model.hidden_sizes=[8,8]"] in space(params=node).grid()


def test_a_glob_takes_what_the_catalogue_offers(space):
    models = [job[0] for job in space("model=glob(resnet*)").grid()]
    assert models == [f"model={name}" for name in sorted(catalog.options("model", "resnet*"))]
    assert len(models) >= 5


def test_the_command_line_beats_the_file(space):
    params = {"optimizer": "sgd,adam", "seed": "0,1", "trainer.max_epochs": 3}
    made = space("optimizer=adamw", "seed=7,8", params=params)
    assert made.fixed == ["optimizer=adamw", "trainer.max_epochs=3"]
    assert [job[2:] for job in made.grid()] == [["seed=7"], ["seed=8"]]


MOMENTUM = {"optimizer=nesterov": {"optimizer.momentum": "0.8,0.9", "optimizer.nesterov": "true,false"}}


DICTS = "+model={activation:relu},{activation:gelu}"


@pytest.mark.parametrize(
    ("words", "fixed", "axes", "jobs"),
    [
        ([DICTS], [], ["model.activation"], 2),
        (["model=lenet5", DICTS], ["model=lenet5"], ["model.activation"], 2),
        ([DICTS, "model=mlp,lenet5"], [], ["model.activation", "model"], 4),
        ([DICTS, "+model={dropout:0.1},{dropout:0.2}"], [], ["model.activation", "model.dropout"], 4),
        ([DICTS, "+optimizer={lr:0.1},{lr:0.2}"], [], ["model.activation", "optimizer.lr"], 4),
        (["+model={dropout:0.1}", DICTS], ["+model={dropout:0.1}"], ["model.activation"], 2),
        (["model={dropout:0.1},lenet5"], [], ["model.dropout", "model"], 2),
        (["++model.extra={a:1},{b:{c:2}}"], [], ["model.extra.a", "model.extra.b.c"], 2),
        (["optimizer=sgd,adam", "+optimizer=choice({lr:0.1},{lr:0.2})"], [], ["optimizer", "optimizer.lr"], 4),
    ],
    ids=lambda given: " ".join(map(str, given)) if isinstance(given, list) else str(given),
)
def test_mappings_change_keys_of_an_option_and_replace_no_other_choice(unchecked, words, fixed, axes, jobs):
    made = unchecked(*words)
    assert (made.fixed, made.axes) == (fixed, axes)
    assert len({tuple(job) for job in made.grid()}) == len(made.grid()) == jobs
    for job in made.grid():  # one value of each axis that was typed
        assert len(job) == len(words)


def test_a_mapping_is_an_axis_in_files_and_together(unchecked):
    made = unchecked("seed=0,1", params={"model": [{"activation": "relu"}, {"activation": "gelu"}]})
    assert (made.axes, len(made.grid())) == (["model.activation", "seed"], 4)
    pairs = {"model": [{"activation": "relu"}, {"activation": "gelu"}], "optimizer.lr": [0.1, 0.2]}
    assert unchecked(together=[pairs]).axes == ["model.activation", "optimizer.lr"]


def test_a_condition_may_be_about_a_key_in_a_mapping(unchecked):
    made = unchecked(DICTS, when={"model.activation=gelu": {"optimizer.lr": "0.1,0.2"}})
    assert len(made.grid()) == 3


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer.lr=0.1,0.2", "optimizer.lr=0.3"],
        ["seed=1", "++seed=2,3"],
        ["model=mlp,cnn", "model=lenet5"],
        [DICTS, "model.activation=tanh"],
        [DICTS, "+model={activation:tanh},{dropout:0.2}"],
    ],
)
def test_a_choice_that_another_one_would_hide_is_refused(refused, words):
    said = refused(*words)
    assert "is set twice" in said and words[0] in said and words[1] in said


def test_a_typed_value_replaces_a_mapping_of_a_file_or_is_refused(unchecked, refused):
    values = [{"activation": "relu"}, {"activation": "gelu"}]
    assert unchecked("model.activation=tanh", params={"model": values}).fixed == ["model.activation=tanh"]
    pairs = [each | {"dropout": 0.1} for each in values]  # without the mapping dropout would be lost, too
    assert "model.activation=tanh was typed" in refused("model.activation=tanh", params={"model": pairs})


def test_a_wrong_key_in_a_mapping_is_told_by_its_name(refused):
    assert "try model.activation=relu" in refused("model={activatoin:relu},{activation:gelu}")


def test_a_conditional_axis_is_multiplied_where_it_applies(space):
    when = {**MOMENTUM, "optimizer=nesterov and optimizer.nesterov=true": {"optimizer.weight_decay": 0}}
    made = space("seed=0,1", params={"optimizer": "adam,nesterov"}, when=when)
    assert made.axes == ["optimizer", "seed", "optimizer.momentum", "optimizer.nesterov", "optimizer.weight_decay"]
    jobs = [dict(text.split("=") for text in job) for job in made.grid()]
    assert len(jobs) == 2 * (1 + 2 * 2)
    for job in jobs:
        assert ("optimizer.momentum" in job) == ("optimizer.nesterov" in job) == (job["optimizer"] == "nesterov")
        assert ("optimizer.weight_decay" in job) == (job.get("optimizer.nesterov") == "True")


def test_a_condition_may_name_several_values_and_come_before_what_it_hangs_on(space):
    when = {
        "optimizer.momentum=0.9": {"optimizer.lr": "0.1,0.2"},
        "optimizer=momentum,nesterov": {"optimizer.momentum": "0,0.9"},
    }
    made = space("optimizer=adam,nesterov,momentum", when=when)
    assert len(made.grid()) == 1 + 2 * 3
    assert made.axes == ["optimizer", "optimizer.momentum", "optimizer.lr"]


def test_one_key_may_have_an_axis_for_each_choice(space):
    when = {
        "optimizer=sgd": {"optimizer.lr": "tag(log,interval(0.01,1))"},
        "optimizer=adam": {"optimizer.lr": "tag(log,interval(0.0001,0.01))"},
    }
    made = space("optimizer=sgd,adam", when=when)
    assert made.axes == ["optimizer", "optimizer.lr"]
    for seed in range(50):
        optimizer, lr = (text.partition("=")[2] for text in made.sample(random.Random(seed)))
        assert (float(lr) > 0.01) == (optimizer == "sgd")


def test_a_choice_typed_as_one_value_decides_its_conditions(space):
    params = {"optimizer": "adam,nesterov"}
    assert [job[1:] for job in space("optimizer=nesterov", params=params, when=MOMENTUM).grid()] == [
        [f"optimizer.momentum={momentum}", f"optimizer.nesterov={nesterov}"]
        for momentum in (0.8, 0.9)
        for nesterov in (True, False)
    ]
    assert space("optimizer=adam", params=params, when=MOMENTUM).grid() == [["optimizer=adam"]]
    assert space("optimizer=adam", params=params, when=MOMENTUM).axes == []
    fixed = space(
        "optimizer=nesterov", "optimizer.momentum=0.5", "optimizer.nesterov=true", params=params, when=MOMENTUM
    )
    assert fixed.grid() == [["optimizer=nesterov", "optimizer.momentum=0.5", "optimizer.nesterov=true"]]


def test_zipped_keys_walk_side_by_side(space):
    together = [{"model": ["mlp", "cnn"], "trainer.max_epochs": [5, 10]}, {"data.batch_size": "32,64"}]
    made = space("seed=0,1", together=together)
    assert made.axes == ["seed", "model", "trainer.max_epochs", "data.batch_size"]
    assert [job[1:3] for job in made.grid()[:4]] == [["model=mlp", "trainer.max_epochs=5"]] * 2 + [
        ["model=cnn", "trainer.max_epochs=10"]
    ] * 2
    assert len(made.grid()) == 2 * 2 * 2


def test_a_key_may_be_new(space):
    made = space("+callbacks.slow._target_=x.Y", "+callbacks.slow.seconds=1,2")
    assert made.axes == ["callbacks.slow.seconds"]
    assert made.grid()[1] == ["+callbacks.slow._target_=x.Y", "+callbacks.slow.seconds=2"]


def drawn(made: Space, count: int = 500) -> list[float]:
    return [float(made.sample(random.Random(seed))[0].partition("=")[2]) for seed in range(count)]


def test_draws_keep_to_their_scale(unchecked):
    flat = drawn(unchecked("optimizer.lr=interval(0.1,0.9)"))
    assert 0.1 <= min(flat) < 0.11 and 0.89 < max(flat) <= 0.9
    assert sum(flat) / len(flat) == pytest.approx(0.5, abs=0.03)
    log = drawn(unchecked("optimizer.lr=tag(log,interval(1e-4,1e-1))"))
    assert min(log) >= 1e-4 and max(log) <= 1e-1
    assert sum(map(math.log10, log)) / len(log) == pytest.approx(-2.5, abs=0.12)
    whole = drawn(unchecked("data.batch_size=int(interval(1,3))"))
    assert {*whole} == {1, 2, 3} and all(150 > whole.count(each) > 100 or whole.count(each) > 130 for each in whole)
    assert {*drawn(unchecked("data.batch_size=tag(log,range(1,5))"))} == {1, 2, 3, 4}
    few = drawn(unchecked("data.batch_size=tag(log,int(interval(1,100)))"))
    assert all(number == int(number) for number in few) and sum(number <= 10 for number in few) / len(few) > 0.4


def test_a_draw_is_an_override_that_hydra_reads_back(space, parser: OverridesParser):
    made = space("optimizer.lr=tag(log,interval(1e-12,1e-1))")
    for seed in range(50):
        text = made.sample(random.Random(seed))[0]
        assert isinstance(parser.parse_override(text).value(), float) and len(text) < 30


def test_a_description_is_equal_for_equal_spaces_and_tells_others_apart(unchecked):
    given: dict[str, Any] = {
        "params": {"optimizer": "nesterov,adam", "optimizer.lr": "tag(log, interval(0.001,0.1))", "seed": "range(0,3)"},
        "when": MOMENTUM,
        "together": [{"model": ["mlp", "cnn"], "trainer.max_epochs": [5, 10]}],
    }
    described = unchecked("data=digits", **given).describe()
    assert described == {
        "fixed": "data=digits",
        "axes": "optimizer, optimizer.lr, seed, model,trainer.max_epochs, "
        "optimizer.momentum when optimizer=nesterov, optimizer.nesterov when optimizer=nesterov",
        "optimizer": "nesterov,adam",
        "optimizer.lr": "tag(log, interval(0.001, 0.1))",
        "seed": "range(0, 3, step=1)",
        "model,trainer.max_epochs": "mlp 5; cnn 10",
        "optimizer.momentum when optimizer=nesterov": "0.8,0.9",
        "optimizer.nesterov when optimizer=nesterov": "True,False",
    }
    assert unchecked("data=digits", **given).describe() == described
    others = [
        unchecked("data=iris", **given),
        unchecked("data=digits", **{**given, "params": {**given["params"], "seed": "range(0,4)"}}),
        unchecked("data=digits", **{**given, "params": {**given["params"], "optimizer.lr": "interval(0.001,0.1)"}}),
        unchecked("data=digits", **{**given, "params": dict(reversed(given["params"].items()))}),
        unchecked("data=digits", **{**given, "when": {"optimizer=adam": {"optimizer.eps": "0.1,0.2"}}}),
        unchecked("data=digits", **{**given, "together": []}),
    ]
    assert all(other.describe() != described for other in others)


def test_a_shuffled_axis_keeps_its_order_over_a_resume(unchecked):
    first, second = (unchecked("seed=shuffle(range(0,50))") for _ in range(2))
    assert first.grid() == second.grid() and first.describe() == second.describe()
    assert first.grid() != unchecked("seed=range(0,50)").grid()
    assert sorted(first.grid()) == sorted(unchecked("seed=range(0,50)").grid())
    assert unchecked("seed=shuffle(1,2,3,4,5)").grid() == unchecked("seed=shuffle(1,2,3,4,5)").grid()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"params": {"optimizer.lrr": "0.1,0.2"}}, "there is no key 'optimizer.lrr'; did you mean 'optimizer.lr'"),
        ({"params": {"optimizer.lr": "range(5,1)"}}, "optimizer.lr=range(5,1) has no values"),
        ({"params": {"optimizer.lr": "choice()"}}, "optimizer.lr=choice() has no values"),
        ({"params": {"optimizer.lr": []}}, "optimizer.lr=[] has no values"),
        ({"params": {"model": "glob(nothing*)"}}, "model=glob(nothing*) has no values"),
        ({"params": {"optimizer.lr": "interval(1,0.1)"}}, "try optimizer.lr=interval(0.1,1.0)."),
        ({"params": {"optimizer.lr": "interval(1,1)"}}, "no numbers between 1.0 and 1.0"),
        ({"params": {"optimizer.lr": "interval(0,inf)"}}, "no numbers between 0.0 and inf"),
        ({"params": {"seed": "int(interval(0.2,0.8))"}}, "no numbers between 0 and 0"),
        ({"params": {"optimizer.lr": "tag(log,interval(0,1))"}}, "is logarithmic and starts at 0.0"),
        ({"params": {"optimizer.lr": "tag(log,interval(-1,1))"}}, "is logarithmic and starts at -1.0"),
        ({"params": {"seed": "tag(log,range(0,8))"}}, "is logarithmic and starts at 0"),
        ({"params": {"seed": "tag(log,range(1,8,step=2))"}}, "is logarithmic and has step 2"),
        ({"params": {"seed": "tag(lig,interval(1,8))"}}, "is tagged lig; the only tag is log"),
        ({"params": {"seed": "range(1,8,step=0)"}}, "has step 0"),
        ({"params": {"seed": "range(8,1,step=-1)"}}, "try seed=range(1,8,step=1)."),
        ({"params": {"seed": "interval(1"}}, "cannot be read"),
        ({"params": {"seed": "random(1,2)"}}, "Unknown function 'random'"),
        ({"params": {"optimizer": "adam,sgdd"}}, "there is no optimizer=sgdd; did you mean 'sgd'"),
        ({"params": {"optimizer": ["adam", "sgdd"]}}, "try optimizer=sgd."),
        ({"together": [{"model": ["mlp", "cnn"], "seed": [1, 2, 3]}]}, "model has 2 and seed has 3 values"),
        ({"together": [{"model": ["mlp", "cnn"], "seed": 1}]}, "seed=1 is one value"),
        ({"together": [{"seed": [1, 2], "optimizer.lr": "interval(0,1)"}]}, "optimizer.lr is interval(0.0, 1.0)"),
        ({"together": [{"seed": [1, 2]}], "params": {"seed": "1,2"}}, "is on two axes"),
        ({"when": MOMENTUM}, "is about optimizer, which is not an axis"),
        ({"params": {"optimizers": "1,2"}, "when": MOMENTUM}, "did you mean 'optimizers'?"),
        ({"params": {"optimizer": "adam,nadam"}, "when": MOMENTUM}, "when: optimizer is never nesterov"),
        ({"params": {"optimizer": "adam"}, "when": MOMENTUM}, "when: optimizer is never nesterov"),
        ({"params": {"optimizer": "sgd"}, "when": {"optimizer": {"seed": "1,2"}}}, "'optimizer' is not a condition"),
        (
            {"params": {"optimizer.lr": "interval(0,1)"}, "when": {"optimizer.lr=1": {"seed": "1,2"}}},
            "which is drawn from an interval",
        ),
        (
            {"params": {"optimizer": "adam,rmsprop"}, "when": {"optimizer=rmsprop": {"optimizer.momentun": "0,0.9"}}},
            "there is no key 'optimizer.momentun'; did you mean 'optimizer.momentum'",
        ),
        (
            {"when": {"seed=1": {"threads": "1,2"}, "threads=1": {"seed": "1,2"}}},
            "when: seed and threads depend on each other",
        ),
        (
            {"params": {"optimizer.momentum": "0,1", "optimizer": "nesterov,adam"}, "when": MOMENTUM},
            "optimizer.momentum is on two axes that one job may have (always and optimizer=nesterov)",
        ),
    ],
    ids=str,
)
def test_a_mistake_is_said_in_three_parts(refused, given: dict[str, Any], said: str):
    assert said in refused(**given)


def test_a_key_of_one_of_the_choices_is_a_key(space):
    assert space("optimizer=adam,rmsprop", "optimizer.momentum=0,0.9").axes == ["optimizer", "optimizer.momentum"]
    assert space("model=resnet18,mlp", "model.hidden_sizes=[8],[16]").axes == ["model", "model.hidden_sizes"]


def test_an_interval_is_no_part_of_a_grid(space):
    with pytest.raises(ConfigError, match=r"try hydra/sweeper=random or hydra/sweeper=optuna, or optimizer\.lr=0\.1"):
        space("optimizer.lr=interval(0.1,0.2)").grid()


def test_what_is_zipped_in_a_file_is_not_typed(refused):
    said = refused("seed=5", together=[{"seed": [1, 2], "threads": [1, 2]}])
    assert "seed=5 was typed, and hydra.sweeper.together has that key" in said
