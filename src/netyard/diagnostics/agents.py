"""Checks of an agent: it has never seen another return, or has forgotten what it could."""

from __future__ import annotations

import math

from netyard.diagnostics.facts import Diagnosis, Facts, again

EPOCHS = 3
ERRORS = 4.0  # standard errors of the difference of two mean returns
LOST = 0.5  # of the way from the worst validation to the best


def no_reward(facts: Facts) -> Diagnosis | None:
    """Every episode of training and validation had the same return, so that there was nothing to learn from."""
    returns = [*facts.values("train/return"), *facts.values("val/return")]
    spreads = facts.values("val/return_std")
    if len(spreads) < EPOCHS or len(facts.values("train/return")) < EPOCHS or len(set(returns)) > 1 or any(spreads):
        return None
    end, fraction = facts.setting("task.epsilon_end"), facts.setting("task.epsilon_fraction")
    epochs = facts.setting("trainer.max_epochs")
    if not end or not fraction or not isinstance(epochs, int) or epochs < 1:  # noisy layers explore in another way
        return None
    sentence = f"every episode had a return of {returns[0]:.4g}: the agent has never met another reward"
    return Diagnosis(
        "no_reward", sentence, again(f"trainer.max_epochs={4 * epochs}", f"task.epsilon_end={max(end, 0.1):.3g}")
    )


def forgetting(facts: Facts) -> Diagnosis | None:
    """The last validation is far worse than the best one; the best policy is kept."""
    curve, spreads = facts.curve("val/return"), dict(facts.curve("val/return_std"))
    episodes = facts.setting("data.val_episodes")
    if len(curve) < EPOCHS or not isinstance(episodes, int) or facts.choices.get("scheduler") != "constant":
        return None
    (best_epoch, best), (last_epoch, last) = max(curve, key=lambda each: each[1]), curve[-1]
    worst = min(value for _, value in curve)
    error = math.hypot(*(spreads.get(epoch, math.inf) for epoch in (best_epoch, last_epoch))) / math.sqrt(episodes)
    if best - last <= ERRORS * error or best - last <= LOST * (best - worst) or best == worst:
        return None
    sentence = (
        f"the agent has forgotten: the return fell from {best:.4g} in epoch {best_epoch}, whose policy is kept, to"
        f" {last:.4g} in the last epoch"
    )
    return Diagnosis("forgetting", sentence, again("scheduler=cosine"))
