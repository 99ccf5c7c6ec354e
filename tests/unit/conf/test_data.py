"""The data group as Hydra composes it: every option under every augmentation, and data that choose their company."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from netyard import catalog
from netyard.cli import compose

TASKS = {
    "diabetes": "regression",
    "series": "forecasting",
    "sunspots": "forecasting",
    "text": "language",
    "python_source": "language",
    "number_words": "translation",
}


@pytest.mark.parametrize("name", catalog.options("data"))
@pytest.mark.parametrize("augmentation", catalog.options("augmentation"))
def test_every_option_composes(name: str, augmentation: str) -> None:
    given = [f"data.{key}=x" for key, value in catalog.option_file("data", name).items() if value == "???"]
    cfg, choices = compose([f"data={name}", f"augmentation={augmentation}", "seed=3", *given])
    otherwise = "q_learning" if "num_envs" in cfg.data else "classification"
    assert choices["task"] == TASKS.get(name, otherwise)
    assert cfg.data.seed == 3
    # A picture is mirrored only where its class stays what it is.
    flip = OmegaConf.to_container(cfg.augmentation, resolve=True).get("flip") if augmentation != "none" else None
    assert flip in (None, cfg.data.get("mirror_invariant", False))


def test_company_can_be_changed() -> None:
    def chosen(*overrides: str) -> tuple[str, str]:
        _, choices = compose(overrides)
        return choices["task"], choices["loss"]

    assert chosen("data=diabetes") == ("regression", "mse")
    assert chosen("data=diabetes", "loss=mae") == ("regression", "mae")
    # A model chooses its data, and these their task.
    assert chosen("model=seq2seq") == ("translation", "cross_entropy")
    assert chosen("model=lstm", "data=sunspots") == ("forecasting", "mse")
    assert chosen("model=lstm") == ("classification", "cross_entropy")
