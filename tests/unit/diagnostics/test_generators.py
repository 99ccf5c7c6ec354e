"""GANs, VAEs and VQ-VAEs whose training failed in the way that is their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from netyard.diagnostics import generators
from support.run_facts import made_facts

DISTANCE = {"name": "val/frechet_distance", "mode": "min"}


BETTER = [float(distance) for distance in range(20, 8, -1)]


@pytest.mark.parametrize(
    ("real", "generated", "distances", "said"),
    [
        ([0.9] * 9 + [0.99, 0.98, 0.99], [0.9] * 9 + [0.98, 1.0, 0.99], BETTER[::-1], True),
        ([0.9] * 9 + [0.99, 0.97, 0.99], [0.9] * 9 + [0.98, 1.0, 0.99], BETTER[::-1], False),
        ([0.9] * 9 + [0.99, 0.98, 0.99], [0.9] * 9 + [0.97, 1.0, 0.99], BETTER[::-1], False),
        ([0.99] * 12, [0.99] * 12, BETTER, False),  # the samples improve: the generator learns
        ([0.99] * 9, [0.99] * 9, BETTER[8::-1], False),  # it has just begun
        ([0.99] * 12, [0.99] * 12, [], True),  # not scored
    ],
)
def test_a_discriminator_has_won_if_it_is_hardly_ever_wrong_and_samples_do_not_improve(
    real: Sequence[float], generated: Sequence[float], distances: Sequence[float], said: bool
) -> None:
    curves = {"train/discriminator_real": real, "train/discriminator_generated": generated}
    curves |= {"val/frechet_distance": distances} if distances else {}
    found = generators.discriminator_won(made_facts(curves, objective=DISTANCE))
    assert (found is not None) is said


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, "task.r1=1"),
        ({"task.r1": 1.0}, "task.discriminator_lr=0.00025"),
        ({"task.gradient_penalty": 10, "task.discriminator_lr": 0.01}, "task.discriminator_lr=0.0025"),
    ],
)
def test_a_discriminator_gets_a_penalty_or_a_smaller_rate(changes: Mapping[str, Any], wanted: str) -> None:
    curves = {f"train/discriminator_{name}": [1.0] * 10 for name in ("real", "generated")}
    won = generators.discriminator_won(made_facts(curves, changes, DISTANCE))
    curves["val/diversity"] = [0.5] * 8 + [0.01] * 2
    similar = generators.similar_samples(made_facts(curves, changes, DISTANCE))
    assert won is not None and similar is not None
    assert won.suggestion.overrides == similar.suggestion.overrides == (wanted,)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([0.05, 0.3, 0.3, 0.09, 0.09], True),
        ([0.05, 0.3, 0.3, 0.11, 0.09], False),  # in one epoch alone
        ([0.05, 0.3, 0.3, 0.09, 0.1], False),
        ([0.05, 0.19, 0.1, 0.09, 0.09], False),  # never diverse
        ([0.3, 0.09, 0.09], False),
    ],
)
def test_a_collapse_is_a_fall_of_the_diversity(ratios: Sequence[float], said: bool) -> None:
    curves = {"train/discriminator_real": [0.5] * len(ratios), "val/diversity": ratios}
    assert (generators.similar_samples(made_facts(curves)) is not None) is said
    del curves["train/discriminator_real"]
    assert generators.similar_samples(made_facts(curves)) is None, "a VAE that has just begun"


@pytest.mark.parametrize(
    ("active", "changes", "wanted"),
    [
        (0, {}, "task.kl_warmup=0.5"),
        (1, {}, "task.kl_warmup=0.5"),  # of 16, less than a tenth
        (2, {}, None),
        (1, {"model.latent_size": 4}, None),
        (0, {"model.latent_size": 4}, "task.kl_warmup=0.5"),
        (0, {"task.beta": 50.0}, "task.beta=12.5"),
        (0, {"task.kl_warmup": 0.5}, "task.free_bits=0.1"),
        (0, {"task.kl_warmup": 0.5, "task.free_bits": 0.1}, None),  # nothing is left to try
    ],
)
def test_a_posterior_has_collapsed_without_active_units(
    active: int, changes: Mapping[str, Any], wanted: str | None
) -> None:
    sizes = {"model.latent_size": 16, **changes}
    facts = made_facts({"val/kl": [0.9, 0.1, 0.01, 0.01]}, sizes, metrics={"test/active_units": active})
    found = generators.collapsed_posterior(facts)
    assert (found.suggestion.overrides[0] if found else None) == wanted


@pytest.mark.parametrize("divergences", [[0.03, 0.003, 0.002, 0.005], [0.01, 0.01, 0.01]])
def test_a_code_that_grows_or_has_just_begun_has_not_collapsed(divergences: Sequence[float]) -> None:
    facts = made_facts({"val/kl": divergences}, {"model.latent_size": 16}, metrics={"test/active_units": 0})
    assert generators.collapsed_posterior(facts) is None


@pytest.mark.parametrize(
    ("perplexity", "changes", "wanted"),
    [
        (12.0, {}, "optimizer.lr=0.0001"),
        (12.0, {"model.ema": False}, "model.ema=true"),
        (13.0, {}, None),
    ],
)
def test_codes_are_unused_by_their_perplexity(
    perplexity: float, changes: Mapping[str, Any], wanted: str | None
) -> None:
    changes = {"model.codebook_size": 128, "model.ema": True, **changes}
    curves = {"val/perplexity": [3.0, 9.0, 12.0, 12.0]}
    found = generators.unused_codes(made_facts(curves, changes, metrics={"test/perplexity": perplexity}))
    assert (found.suggestion.overrides[0] if found else None) == wanted


def test_the_perplexity_of_a_text_is_none_of_codes() -> None:
    assert generators.unused_codes(made_facts({"train/loss": [1.0]}, metrics={"test/perplexity": 3.0})) is None


@pytest.mark.parametrize(
    ("measured", "tested"), [([3.0, 9.0, 12.0], 359), ([3.0, 5.0, 6.0, 12.0], 359), ([3.0, 9.0, 12.0, 12.0], 127)]
)
def test_codes_of_few_samples_and_of_a_codebook_that_fills_say_nothing(measured: Sequence[float], tested: int) -> None:
    facts = made_facts(
        {"val/perplexity": measured},
        {"model.codebook_size": 128},
        metrics={"test/perplexity": 12.0},
        samples={"test": tested},
    )
    assert generators.unused_codes(facts) is None
