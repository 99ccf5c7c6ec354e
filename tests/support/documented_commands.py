"""Collects the commands in the README, the documentation and the headers of the config files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from netyard.config import catalog
from support.command_result import Ran

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "conf").rglob("*.yaml")),
]
GUIDES = (
    "anomaly",
    "baselines",
    "environments",
    "first_run",
    "honest_score",
    "own_data",
    "own_model",
    "plugins",
    "resuming",
    "series",
    "several_labels",
)
"""Pages whose commands run from top to bottom."""

_TRAIN = re.compile(
    r"(?:python|torchrun [^\n`]*?) ?train\.py((?: +(?:-\w+|'[^'\n]+'|[\w.+~@/]+=(?:\[[^\]]*\]|[^\s`;#)]+)))+)"
)
_REFUSED = re.compile(r"```console\n\$ [^\n]*\nerror: .*?```", re.DOTALL)
_TYPED = re.compile(r"(?:^(?:\$ )?|`)netyard ((?:runs|doctor|\w+ )[^#`\n]*)", re.MULTILINE)


def train_commands(pages: list[Path]) -> list[str]:
    """Return the arguments of each ``python train.py`` once, without the commands that are shown as errors."""
    texts = (_REFUSED.sub("", page.read_text(encoding="utf-8")) for page in pages)
    return list(dict.fromkeys(found.group(1).strip() for text in texts for found in _TRAIN.finditer(text)))


def netyard_commands(pages: list[Path]) -> list[str]:
    """Return the arguments of each ``netyard`` command once."""
    texts = (page.read_text(encoding="utf-8") for page in pages)
    return list(dict.fromkeys(found.strip() for text in texts for found in _TYPED.findall(text)))


def runs_here(words: str) -> bool:
    """Return whether a command needs neither a file of the user nor a download."""
    chosen = re.search(r"\bdata=(\w+)", words)
    downloaded = chosen and "root" in catalog.option_file("data", chosen[1]) and "data.root=" not in words
    return not downloaded and not re.search(r"=(FILE|DIR|RUN_DIR|SWEEP_DIR)\b|pretrained=true", words)


def train_a_batch(train: Callable[..., Ran], words: str, place: Path) -> Ran:
    """Run a ``python train.py`` command for one or two batches, with outputs below another folder."""
    where = f"hydra.sweep.dir={place / 'sweep'}" if "-m" in words else f"hydra.run.dir={place / 'run'}"
    return train(*shlex.split(words), "debug=smoke", "data.batch_size=4", "data.eval_batch_size=4", where)
