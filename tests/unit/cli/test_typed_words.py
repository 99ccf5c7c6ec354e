"""The first words of people who know another tool, each with the answer that it gets."""

from __future__ import annotations

import csv
import functools
import random
import shlex
from pathlib import Path

import pytest

from netyard.cli import typed_words
from netyard.config import catalog, schema, synonyms
from netyard.config.compose import compose
from netyard.config.suggest import all_keys
from netyard.errors import ConfigError

PROGRAM = "python train.py"
UNDERSTOOD = "understood"
EXPLAINED = f"{PROGRAM} --help explains them"
with (Path(__file__).parent / "first_words.tsv").open(encoding="utf-8") as _file:
    ROWS = list(csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE))
TOOLS = sorted({row["tool"] for row in ROWS})


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: a word that is a folder or a file there is a path."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(typed: str) -> str:
    """What is told to type, or where to read on."""
    try:
        typed_words.require(shlex.split(typed), PROGRAM)
    except ConfigError as error:
        return error.type_this.removeprefix("try ").removesuffix(".")
    return UNDERSTOOD


def test_there_are_300_of_six_tools() -> None:
    assert len(ROWS) > 300 and len(TOOLS) >= 6
    assert len({row["typed"] for row in ROWS if row["tool"] == "timm"}) == sum(row["tool"] == "timm" for row in ROWS)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_first_word_has_its_answer(tool: str) -> None:
    rows = [row for row in ROWS if row["tool"] == tool]
    assert [(row["typed"], answer(row["typed"])) for row in rows] == [(row["typed"], row["answer"]) for row in rows]


def test_what_is_suggested_is_understood() -> None:
    suggested = {row["answer"] for row in ROWS if row["answer"].startswith(PROGRAM)} - {EXPLAINED}
    refused = {each: found for each in suggested if (found := answer(each.removeprefix(PROGRAM))) != UNDERSTOOD}
    assert refused == {}


def test_some_of_what_is_suggested_is_a_config_that_is_accepted(rng: random.Random) -> None:
    """A sample; the campaign tries all."""
    suggested = sorted({row["answer"] for row in ROWS if row["answer"].startswith(f"{PROGRAM} ")})
    for command in rng.sample([each for each in suggested if " -" not in each and "resume=" not in each], 6):
        schema.check(*compose(shlex.split(command)[2:]))


@functools.cache
def keys_of_all_options() -> set[str]:
    """Every key of every option of every group, and those of the default config."""
    of_options = {
        f"{group}.{key}"
        for group in catalog.GROUPS
        for option in catalog.options(group)
        for key in catalog.option_file(group, option)
    }
    return of_options | {*all_keys([])}


def test_every_word_of_another_tool_leads_to_a_key_that_exists() -> None:
    meant = {part for each in synonyms.KEYS.values() for part in each.partition(" # ")[0].replace(" | ", " ").split()}
    keys = {part.partition("=")[0] for part in meant} - {*catalog.GROUPS, *schema.GLOBALS, "hydra.run.dir"}
    callbacks = {"callbacks.early_stopping.patience"}
    assert keys - keys_of_all_options() - callbacks == set()


@pytest.mark.parametrize("group", synonyms.OPTIONS)
def test_every_option_of_another_tool_leads_to_an_option(group: str) -> None:
    options = catalog.options(group)
    meant = {each.partition(" ")[0] for each in synonyms.OPTIONS[group].values()}
    assert meant - {*options} == set()
    assert {word for word in synonyms.OPTIONS[group] if synonyms.same(word, options)} == set(), "never looked up"


def test_a_word_stands_in_one_table() -> None:
    tables = [synonyms.KEYS, synonyms.CHOICES, synonyms.WITHOUT]
    words = [word for table in tables for word in table]
    assert sorted({word for word in words if words.count(word) > 1}) == []


@pytest.mark.parametrize(
    "typed",
    [
        "model=resnet50 optimizer=adam",
        "-m model=mlp,lenet5 seed=0,1,2",
        "--multirun 'optimizer.lr=choice(0.1,0.2)'",
        "--cfg job --resolve model=lenet5",
        "-c job",
        "--info all",
        "--config-dir mine model=resnet",  # their options are not known
        "-cd mine model=mine",
        "resume=auto",
        "resume=outputs/run1",
        "~callbacks.samples +model.extra=1 ++hydra.run.dir=out",
        "hydra/launcher=joblib hydra.sweep.dir=out launcher.devices=2 sweep.num_trials=3",
        "'model.hidden_sizes=[64, 64]'",
        "'+callbacks.mine={_target_:mine.Mine}'",
        "experiment=null logger=null",
        "data.path='my file.csv' data=csv",
        "tags=[a,b]",
        "model=mlp data.batch_size=${oc.env:BATCH}",
        "'model=glob(resnet*)' -m",
        "callbacks=[default,early_stopping]",
        "debug=smoke",
        "trainer.plugins=null",
    ],
)
def test_what_netyard_and_hydra_know_is_left_to_them(typed: str) -> None:
    assert answer(typed) == UNDERSTOOD


def test_a_path_that_exists_is_one(somewhere: Path) -> None:
    (somewhere / "photos").mkdir()
    (somewhere / "digits").mkdir()
    assert answer("data=photos") == "python train.py data=image_folder data.root=photos"
    assert answer("data=digits") == UNDERSTOOD, "an option, whatever folders there are"
    assert answer("'my photos/a b.csv'") == "python train.py data=csv 'data.path='\"'\"'my photos/a b.csv'\"'\"''"
    (somewhere / "run" / ".hydra").mkdir(parents=True)
    assert answer("run") == "python train.py resume=run"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--lr 0.1", "--lr is no flag of python train.py; a setting is key=value, without dashes;"),
        ("--lr 0.1 --wd 0", "--lr and --wd are no flags of python train.py;"),
        ("lr=0.1", "there is no key 'lr'; did you mean optimizer.lr=0.1?"),
        ("data=MNIST", "there is no data=MNIST; did you mean data=mnist?"),
        (
            "callbacks=ema",
            "'callbacks=ema' would leave out the default callbacks; they save the checkpoint that is tested;",
        ),
        ("amp=False", "there is no key 'amp'; it is off by default;"),
        ("--model resnet18 --flux 3", "a setting is key=value, without dashes; there is no setting 'flux';"),
        ("resnet51", "'resnet51' is no setting; a setting is key=value; did you mean 'resnet50' or"),
        ("--interpolation bicubic", "the default data has no interpolation, which data=image_folder has;"),
        ("--seed 1 --model ppo", "there is no model=ppo, netyard list model prints what there is;"),
    ],
)
def test_the_message_says_what_is_wrong(typed: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        typed_words.require(shlex.split(typed), PROGRAM)
    assert said in str(refused.value)
