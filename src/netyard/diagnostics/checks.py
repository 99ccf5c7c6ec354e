"""All checks in the order of their importance, and what of them is said."""

from __future__ import annotations

from collections.abc import Callable

from netyard.diagnostics.against_baselines import worse_than_a_baseline
from netyard.diagnostics.agents import no_reward
from netyard.diagnostics.classes import like_the_majority, one_class
from netyard.diagnostics.facts import Diagnosis, Facts
from netyard.diagnostics.generators import collapsed_posterior, discriminator_won, similar_samples, unused_codes
from netyard.diagnostics.length import over_fitted, still_improving
from netyard.diagnostics.rate import too_large, too_small
from netyard.diagnostics.units import dead_units

MOST = 2  # a longer list is not read

Check = Callable[[Facts], Diagnosis | None]
# Of each group one finding is said, as the others follow from it.
FAILED: tuple[Check, ...] = (
    *(too_large, one_class, too_small, no_reward),
    *(collapsed_posterior, similar_samples, discriminator_won, unused_codes, like_the_majority),
)
LENGTH: tuple[Check, ...] = (over_fitted, still_improving)
BASELINES: tuple[Check, ...] = (worse_than_a_baseline,)
UNITS: tuple[Check, ...] = (dead_units,)


def diagnose(facts: Facts) -> list[Diagnosis]:
    """At most two findings, the most important first."""
    if not facts.history:
        return []
    failed = _first(FAILED, facts)
    # That a training that failed is worse than others, or could be longer, follows from that.
    groups = (UNITS,) if failed else (BASELINES, LENGTH, UNITS)
    found = [failed, *(_first(group, facts) for group in groups)]
    return [each for each in found if each is not None][:MOST]


def _first(group: tuple[Check, ...], facts: Facts) -> Diagnosis | None:
    return next((each for check in group if (each := check(facts)) is not None), None)
