"""The data group as Hydra composes it: every option, every augmentation, and data that choose their company."""

from __future__ import annotations

import pytest
from omegaconf import DictConfig, OmegaConf

from netyard.config import catalog
from netyard.config.compose import compose
from support.composed_configs import check_with_facts, require_parameters_of_the_targets

TASKS = {
    "diabetes": "regression",
    "series": "forecasting",
    "sunspots": "forecasting",
    "text": "language",
    "python_source": "language",
    "number_words": "translation",
    "pairs": "translation",
}


# A kind of data each: pictures that may be mirrored and that may not, a table, a sequence, an environment.
KINDS = ("cifar10", "digits", "iris", "sunspots", "cartpole")
AUGMENTATIONS = catalog.options("augmentation")


# A network that fits data without pictures or numbers.
MODELS = {
    "text": "lstm",
    "python_source": "lstm",
    "sentiment": "lstm",
    "labelled_text": "lstm",
    "number_words": "seq2seq",
    "pairs": "seq2seq",
}


@pytest.mark.parametrize("name", catalog.options("data"))
def test_every_option_composes_with_its_task_and_the_parameters_of_its_target(name: str) -> None:
    given = [
        f"data.{key}=x"
        for key, value in catalog.option_file("data", name).items()
        if str(value) in ("???", "${by_task:'???',null}")
    ]
    given += [f"model={MODELS[name]}"] if name in MODELS else []
    cfg, choices = compose([f"data={name}", "augmentation=standard", "seed=3", *given])
    otherwise = "q_learning" if "num_envs" in cfg.data else "classification"
    assert (choices["data"], choices["task"]) == (name, TASKS.get(name, otherwise))
    assert cfg.data.seed == 3
    require_parameters_of_the_targets(cfg, "data", name)
    require_mirrored_where_the_class_stays(cfg)
    check_with_facts(cfg, choices)


@pytest.mark.parametrize("name", KINDS)
def test_every_augmentation_fits_every_kind(name: str) -> None:
    """Hydra composes one of them with the data; the others replace its node in that config."""
    cfg, choices = compose([f"data={name}", f"augmentation={AUGMENTATIONS[0]}"])
    assert choices["augmentation"] == AUGMENTATIONS[0]
    for augmentation in AUGMENTATIONS:
        cfg.augmentation = catalog.option_file("augmentation", augmentation)
        require_mirrored_where_the_class_stays(cfg)


def require_mirrored_where_the_class_stays(cfg: DictConfig) -> None:
    """A picture is mirrored only where its class stays what it is."""
    augmentation = OmegaConf.to_container(cfg.augmentation, resolve=True) if cfg.get("augmentation") else {}
    assert augmentation.get("flip") in (None, cfg.data.get("mirror_invariant", False))


def test_company_can_be_changed() -> None:
    def chosen(*overrides: str) -> tuple[str, str]:
        _, choices = compose(overrides)
        return choices["task"], choices["loss"]

    assert chosen("data=diabetes") == ("regression", "mse")
    assert chosen("data=diabetes", "loss=mae") == ("regression", "mae")
    # A model chooses its data, and these their task.
    assert chosen("model=seq2seq") == ("translation", "cross_entropy")
    assert chosen("model=lstm", "data=sunspots") == ("forecasting", "mae")
    assert chosen("model=lstm") == ("classification", "cross_entropy")
