"""What netyard uses of Hydra without a public way is still where it was read."""

from __future__ import annotations

import inspect

import hydra
import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.types import RunMode
from omegaconf import OmegaConf

from netyard.config import hydra_internals
from netyard.config.compose import opened
from netyard.config.hydra_guard import Guarded


@pytest.mark.parametrize("name", ["multirun", "show_cfg", "compose_config", "get_mode"])
def test_hydra_has_what_is_called(name: str) -> None:
    assert callable(getattr(Hydra, name, None)), f"Hydra {hydra.__version__} has moved Hydra.{name}"


def test_a_hydra_composes_by_the_loader_it_is_given() -> None:
    with opened() as app:
        assert isinstance(app.config_loader, Guarded)
    source = inspect.getsource(Hydra.compose_config)
    assert "self.config_loader.load_configuration" in source, f"Hydra {hydra.__version__} composes in another way"


def test_a_config_is_written_as_omegaconf_writes_it() -> None:
    words = ["1e3", "1e-3", "yes", "null", "", "a: b", "ä", "${x}", "x " * 60, "two\nlines", "0x1F", "1_000", "12:30"]
    values = [None, True, 1, 1.5, 1e-9, float("inf"), RunMode.RUN, [], {}, [[1], {"y": "no"}]]
    config = OmegaConf.create({"words": words, "values": values, "hydra": {"nothing": None}})
    assert hydra_internals.masked_yaml(config) == OmegaConf.to_yaml(config).replace(
        "nothing: null", "nothing: null\n  overrides: {}"
    )


def test_files_are_measured_inside_alone() -> None:
    with hydra_internals.measured_files():
        assert SourcesRegistry.instance().resolve("file") is hydra_internals.FileConfigSource
    assert SourcesRegistry.instance().resolve("file") is not hydra_internals.FileConfigSource
