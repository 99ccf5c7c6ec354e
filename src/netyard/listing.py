"""``netyard list``: what can be chosen, each with the line that opens its file. Knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from netyard import catalog
from netyard.errors import ConfigError
from netyard.explain import did_you_mean

_PLURALS = {"models": "model", "tasks": "task", "losses": "loss", "optimizers": "optimizer", "schedulers": "scheduler"}
_PLURALS |= {
    "augmentations": "augmentation",
    "trainers": "trainer",
    "loggers": "logger",
    "experiments": "experiment",
    "sweeps": "sweep",
}


def overview() -> str:
    """Every group with its options, wrapped; models by family."""
    lines: list[str] = []
    for group in catalog.GROUPS:
        names = catalog.options(group)
        if group == "model":
            lines.append("  model")
            for family, node in catalog.families().items():
                lines += wrap(
                    ", ".join(node["variants"]), 108, initial_indent=f"    {family:14}", subsequent_indent=" " * 18
                )
        else:
            lines += wrap(", ".join(names) or "-", 108, initial_indent=f"  {group:16}", subsequent_indent=" " * 18)
    return "\n".join(lines)


def show(arguments: Sequence[str]) -> int:
    """Print what can be chosen: list [models|data|optimizers|...] [glob]."""
    words = [text for text in arguments if not text.startswith("-")]
    if not words:
        print("netyard list [models|data|optimizers|...] [glob]\n")
        print(overview())
        return 0
    group = _PLURALS.get(words[0], words[0])
    if group not in catalog.GROUPS:
        raise ConfigError(
            f"there is no group '{words[0]}';",
            did_you_mean(words[0], [*catalog.GROUPS, *_PLURALS]) or f"groups are {', '.join(catalog.GROUPS)};",
            "netyard list prints all of them.",
        )
    names = catalog.options(group, words[1] if len(words) > 1 else "*")
    width = max((len(name) for name in names), default=0)
    counts = catalog.parameters() if group == "model" else {}
    for name in names:
        count = f"{counts[name]:>13,}  " if name in counts else " " * 15 if counts else ""
        print(f"{name:{width}}  {count}{catalog.headline(group, name)}".rstrip())
    if counts:
        print("\nParameters at 1000 classes of 3x224x224 images; a network fits itself to the data it gets.")
    return 0
