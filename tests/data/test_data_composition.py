"""The data group as Hydra composes it: every option, and a data set that chooses its company."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from making_data import CONF
from omegaconf import OmegaConf


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The two groups tested here, and stand-ins of the groups they touch."""
    for group in ("data", "augmentation"):
        shutil.copytree(CONF / group, tmp_path / group)
    for group, names in {
        "task": ["classification", "regression"],
        "loss": ["cross_entropy", "mse", "l1"],
    }.items():
        (tmp_path / group).mkdir()
        for name in names:
            (tmp_path / group / f"{name}.yaml").write_text(f"name: {name}\n")
    (tmp_path / "train.yaml").write_text(
        "seed: 3\ndefaults: [_self_, task: classification, loss: cross_entropy, augmentation: none, data: digits]\n"
    )
    return tmp_path


def composed(conf: Path, *overrides: str) -> tuple[str, str, dict]:
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = compose("train", list(overrides))
    return config.task.name, config.loss.name, OmegaConf.to_container(config, resolve=True)["data"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("*.yaml")))
@pytest.mark.parametrize("augmentation", sorted(path.stem for path in (CONF / "augmentation").glob("*.yaml")))
def test_every_option_composes(conf: Path, name: str, augmentation: str) -> None:
    task, _, data = composed(
        conf,
        f"data={name}",
        f"augmentation={augmentation}",
        "+data.probe=1",
        *(["data.path=a", "data.target=b"] if name == "csv" else []),
    )
    assert task == ("regression" if name == "diabetes" else "classification")
    assert data["seed"] == 3
    assert data["augmentation"].get("flip") in (None, data.get("mirror_invariant", False))


def test_company_can_be_changed(conf: Path) -> None:
    assert composed(conf, "data=diabetes")[:2] == ("regression", "mse")
    assert composed(conf, "data=diabetes", "loss=l1")[:2] == ("regression", "l1")
