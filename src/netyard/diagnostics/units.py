"""Checks of the units of a network: dead ReLU units."""

from __future__ import annotations

from netyard.diagnostics.facts import Diagnosis, Facts, again

DEAD = 0.5  # part of a layer's units


def dead_units(facts: Facts) -> Diagnosis | None:
    """Half of a ReLU layer is zero for all samples, and gets no gradient."""
    parts = {name: dead / total for name, (dead, total) in facts.dead_units.items() if total}
    if not parts or max(parts.values()) < DEAD:
        return None
    name = max(parts, key=lambda each: parts[each])
    dead, total = facts.dead_units[name]
    sentence = f"{dead} of the {total} ReLU units of {name} are zero for every validation sample, and no longer learn"
    if facts.setting("model.activation") == "relu":
        return Diagnosis("dead_units", sentence, again("model.activation=leaky_relu"))
    rate = facts.setting("optimizer.lr")
    if isinstance(rate, int | float):
        return Diagnosis("dead_units", sentence, again(f"optimizer.lr={rate / 10:.3g}"))
    return None
