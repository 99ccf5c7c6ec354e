"""Whether a task and the data belong together, by what each of them says of itself."""

from __future__ import annotations

from typing import Any

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import EnvironmentData, lacks


def check_data(task: Any, data: Any) -> None:
    """Refuse environments for a task that learns from samples, and samples for a task that acts in environments.

    Raises:
        ArgumentError: the data give batches of another kind than the task takes.
    """
    # By the class: the property of a task that has no Trainer yet may not be read.
    acts, given = not lacks(type(task), "steps_per_batch"), isinstance(data, EnvironmentData)
    if acts == given:
        return
    name, kind = type(task).__name__, type(data).__name__
    if given:
        raise ArgumentError(
            f"{kind} gives environments, which {name} does not act in;",
            f"{name} learns from samples of a fixed data set;",
            "try model=dqn task=q_learning, or data=digits.",
        )
    raise ArgumentError(
        f"{kind} gives no environments;",
        f"{name} needs environments in which an agent acts;",
        "try data=cartpole.",
    )
