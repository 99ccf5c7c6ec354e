"""A check of an agent: it has never seen another return."""

from __future__ import annotations

from netyard.diagnostics.facts import Diagnosis, Facts, again

EPOCHS = 3


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
