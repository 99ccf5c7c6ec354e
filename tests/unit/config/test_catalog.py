"""Everything that is listed composes, and every key is a parameter of what it configures."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import DictConfig

from netyard.config import catalog
from netyard.config.compose import compose
from support.composed_configs import check_with_facts, require_parameters_of_the_targets

# Groups whose options fit together, whichever they are: one composition has an option of each.
TOGETHER = ("loss", "optimizer", "scheduler", "augmentation", "trainer", "logger")
# Data are composed in tests/unit/conf/test_data.py.
APART = [group for group in catalog.GROUPS if group not in (*TOGETHER, "callbacks", "data")]
# Of the networks those of single files; those of families are below.
CHOICES = [
    {group: name}
    for group in APART
    for name in catalog.options(group)
    if group != "model" or catalog.family_of(name) is None
]
CHOICES += [
    {group: names[number % len(names)] for group in TOGETHER if (names := catalog.options(group))}
    for number in range(max(len(catalog.options(group)) for group in TOGETHER))
]
# What only a user can say, and company that fits; any path will do to compose.
COMPANY = {
    ("task", "regression"): ["data=diabetes"],
    ("task", "multilabel"): ["data=csv", "data.path=x", "data.target=x"],
    ("task", "language"): ["model=lstm", "data=python_source"],
    ("task", "forecasting"): ["data=sunspots"],
    ("task", "translation"): ["model=seq2seq"],
    ("task", "reconstruction"): ["model=autoencoder"],
    ("task", "anomaly"): ["model=autoencoder"],
    ("task", "denoising"): ["model=denoising_autoencoder"],
    ("task", "sparse_coding"): ["model=sparse_autoencoder"],
    ("task", "contraction"): ["model=contractive_autoencoder"],
    ("task", "variational"): ["model=vae"],
    ("task", "beta_variational"): ["model=beta_vae"],
    ("task", "vector_quantized"): ["model=vq_vae"],
    ("task", "adversarial"): ["model=dcgan"],
    ("task", "adversarial_r1"): ["model=gan"],
    ("task", "q_learning"): ["model=dqn"],
    ("task", "double_q_learning"): ["model=double_dqn"],
    ("task", "prioritized_q_learning"): ["model=prioritized_dqn"],
    ("task", "n_step_q_learning"): ["model=nstep_dqn"],
    ("task", "noisy_q_learning"): ["model=noisy_dqn"],
    ("task", "rainbow_q_learning"): ["model=rainbow"],
    ("task", "wasserstein"): ["model=wgan"],
    ("task", "wasserstein_gp"): ["model=wgan_gp"],
}


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: " ".join(map("=".join, chosen.items())))
def test_every_name_composes_with_the_parameters_of_its_target_and_keeps_the_schema(chosen: dict[str, str]) -> None:
    company = [word for choice in chosen.items() for word in COMPANY.get(choice, [])]
    cfg, choices = compose([*map("=".join, chosen.items()), *company])
    for group, name in chosen.items():
        assert choices[group] == name
        require_parameters_of_the_targets(cfg, group, name)
    check_with_facts(cfg, choices)


@pytest.mark.parametrize("family", catalog.families())
def test_every_network_composes_with_the_parameters_of_its_target_and_keeps_the_schema(family: str) -> None:
    """Hydra composes one variant for each defaults list of the family; the others replace its node in that config."""
    composed: dict[str, tuple[DictConfig, Any]] = {}
    for name in catalog.families()[family]["variants"]:
        node = dict(catalog.variants()[name])
        company = str(node.pop("defaults", None))
        if company not in composed:
            composed[company] = compose([f"model={name}"])
            assert composed[company][1]["model"] == name
        cfg, choices = composed[company]
        cfg.model = node
        require_parameters_of_the_targets(cfg, "model", name)
        check_with_facts(cfg, {**choices, "model": name})


def test_two_families_may_not_offer_one_name(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "family").mkdir()
    for family in ("one", "two"):
        (tmp_path / "family" / f"{family}.yaml").write_text("_target_: x.Y\nvariants: {same: {}}\n", encoding="utf-8")
    monkeypatch.setattr(catalog, "conf_dir", lambda: tmp_path)
    with pytest.raises(ValueError, match="families one and two both offer model=same"):
        catalog.variants()


def test_every_file_opens_with_what_it_is() -> None:
    for group in catalog.GROUPS:
        for name in catalog.options(group):
            assert len(catalog.headline(group, name)) > 10, (group, name)


def test_numbers_of_the_families_are_numbers() -> None:
    """PyYAML reads ``1e-3`` as text; a family file must write ``0.001``."""

    def texts(node: object):
        if isinstance(node, dict):
            for value in node.values():
                yield from texts(value)
        elif isinstance(node, list):
            for value in node:
                yield from texts(value)
        elif isinstance(node, str):
            yield node

    for family in catalog.families().values():
        for text in texts(family):
            with pytest.raises(ValueError, match="could not convert"):
                float(text)


def test_the_conf_tree_is_shipped_in_the_wheel() -> None:
    project = (catalog.conf_dir().parent / "pyproject.toml").read_text(encoding="utf-8")
    assert '[tool.hatch.build.targets.wheel.force-include]\n"conf" = "netyard/conf"' in project
