"""What netyard uses of Hydra without a public way is still where it was read."""

from __future__ import annotations

import inspect
from pathlib import Path

import hydra
import omegaconf.base
import pytest
from hydra._internal import defaults_list
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from netyard.config import hydra_internals
from netyard.config.compose import Sources, opened
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


def test_an_option_may_be_named_by_another_choice(tmp_path: Path) -> None:
    """Ours are not; those of a user's folder may be, and what was parsed once names what is chosen now."""
    for group, name in (("first", "a"), ("first", "b"), ("second", "of_a"), ("second", "of_b")):
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / f"{name}.yaml").write_text(f"name: {name}\nsame: ${{{group}.name}}\n")
    (tmp_path / "root.yaml").write_text("defaults:\n  - first: a\n  - second: of_${first}\n")
    for choice in ("a", "b", "a"):
        with opened(Sources(config_path=str(tmp_path), config_name="root")):
            cfg = GlobalHydra.instance().config_loader().load_configuration("root", [f"first={choice}"], RunMode.RUN)
        assert (cfg.first.same, cfg.second.same) == (choice, f"of_{choice}")


def test_the_functions_that_are_replaced_are_called_as_before() -> None:
    assert list(inspect.signature(hydra_internals._interpolations_of_hydra).parameters)[1:] == [
        "defaults_list",
        "self_added",
    ]
    assert "known_choices = _create_interpolation_map(" in inspect.getsource(defaults_list._create_defaults_tree_impl)
    assert "parse(_get_value(" in inspect.getsource(omegaconf.base), "OmegaConf parses in another way"
