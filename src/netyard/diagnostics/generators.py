"""Checks of networks that generate: a discriminator that has won, similar samples, codes that carry nothing."""

from __future__ import annotations

from netyard.diagnostics.facts import Diagnosis, Facts, Suggestion, again

EPOCHS = 4
EPOCHS_OF_A_GAN = 10  # at first every discriminator wins
WON = 0.98  # accuracy of the discriminator on real and on generated samples, in each of the last epochs
SPAN = 0.25  # of the epochs, at the end
FELL = 2.0  # times the threshold of diversity, which the samples had before
DIVERSITY = 0.1  # of that of real samples; as callbacks.scores.diversity_threshold
GROWS = 1.2  # factor of the KL, or of the perplexity of codes, in the second half of the run
ACTIVE = 0.1  # part of the code's units
CODES = 0.1  # part of the codebook: the perplexity over its size


def discriminator_won(facts: Facts) -> Diagnosis | None:
    """The discriminator tells nearly all samples apart, so that the generator gets no gradient that helps."""
    real, made = (facts.values(f"train/discriminator_{name}") for name in ("real", "generated"))
    span = int(len(real) * SPAN)
    if len(real) < EPOCHS_OF_A_GAN or len(real) != len(made) or min(*real[-span:], *made[-span:]) < WON:
        return None
    distances = facts.values("val/frechet_distance")
    # While the samples become better, the generator learns.
    if len(distances) > 1 and distances[-1] <= min(distances):
        return None
    sentence = (
        f"the discriminator has won: in the last {span} epochs it told {min(real[-span:]):.1%} of the real and"
        f" {min(made[-span:]):.1%} of the generated samples apart"
    )
    remedy = _for_the_discriminator(facts)
    return Diagnosis("discriminator_won", sentence, remedy) if remedy else None


def similar_samples(facts: Facts) -> Diagnosis | None:
    """Mode collapse of a GAN: its samples differed from each other, and in the last epochs hardly do."""
    ratios, threshold = facts.curve("val/diversity"), facts.setting("callbacks.scores.diversity_threshold", DIVERSITY)
    span = max(2, int(len(ratios) * SPAN))
    if not facts.values("train/discriminator_real") or len(ratios) < EPOCHS or threshold is None:
        return None
    # At the start all samples are alike, which is no collapse.
    (epoch, most), last = max(ratios, key=lambda each: each[1]), ratios[-1][1]
    if most < FELL * threshold or max(ratio for _, ratio in ratios[-span:]) >= threshold:
        return None
    sentence = (
        f"mode collapse: the samples differ from each other {last:.2g} times as much as real ones, {most:.2g} times in"
        f" epoch {epoch}"
    )
    remedy = _for_the_discriminator(facts)
    return Diagnosis("similar_samples", sentence, remedy) if remedy else None


def collapsed_posterior(facts: Facts) -> Diagnosis | None:
    """Hardly a unit of a VAE's code varies with the sample."""
    part = "test" if "test/active_units" in facts.metrics else "val"
    active, size = facts.metrics.get(f"{part}/active_units"), facts.setting("model.latent_size")
    if active is None or not isinstance(size, int) or active >= max(1, ACTIVE * size):
        return None
    # A code is first ignored and then found: while its KL grows, more epochs may be all that is missing.
    divergences = facts.values("val/kl")
    if len(divergences) < EPOCHS or divergences[-1] > GROWS * divergences[len(divergences) // 2]:
        return None
    sentence = f"{active:.0f} of {size} units of the code vary with the sample: the posterior has collapsed"
    if (beta := facts.setting("task.beta", 1.0)) > 1:
        return Diagnosis("collapsed_posterior", sentence, again(f"task.beta={max(beta / 4, 1):.3g}"))
    if not facts.setting("task.kl_warmup"):
        return Diagnosis("collapsed_posterior", sentence, again("task.kl_warmup=0.5"))
    if not facts.setting("task.free_bits"):
        return Diagnosis("collapsed_posterior", sentence, again("task.free_bits=0.1"))
    return None


def unused_codes(facts: Facts) -> Diagnosis | None:
    """A VQ-VAE uses few codes of its codebook."""
    size = facts.setting("model.codebook_size")
    part = "test" if "test/perplexity" in facts.metrics else "val"
    used = facts.metrics.get(f"{part}/perplexity")
    if not isinstance(size, int) or used is None or used >= CODES * size:
        return None
    # Few samples have few codes, and codes come into use one after the other.
    measured = facts.values("val/perplexity")
    growing = len(measured) < EPOCHS or measured[-1] > GROWS * measured[len(measured) // 2]
    if facts.samples.get(part, 0) < size or growing:
        return None
    sentence = f"the codes have a perplexity of {used:.3g}, as if {used:.0f} of the {size} were used equally often"
    rate = facts.setting("optimizer.lr")
    if not facts.setting("model.ema", True):
        return Diagnosis("unused_codes", sentence, again("model.ema=true"))
    return Diagnosis("unused_codes", sentence, again(f"optimizer.lr={rate / 10:.3g}"))


def _for_the_discriminator(facts: Facts) -> Suggestion | None:
    """A penalty on the discriminator's gradient, unless there is one; then a smaller learning rate of it."""
    if not any(facts.setting(f"task.{key}") for key in ("r1", "gradient_penalty", "weight_clip")):
        return again("task.r1=1")
    rate = facts.setting("task.discriminator_lr") or facts.setting("optimizer.lr")
    return again(f"task.discriminator_lr={rate / 4:.3g}") if isinstance(rate, int | float) else None
