"""Making the environments of a run: their facts, which are read once, and their description in an exported policy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor

from netyard.data.environments import create
from netyard.data.environments.actions import Numbered, as_plain
from netyard.data.environments.earlier_layout import earlier_layout
from netyard.data.environments.first_look import STEPS, look, restored
from netyard.data.environments.layout import Layout, layout_of
from netyard.data.environments.lenient import is_of_emulator
from netyard.data.environments.vector import VectorEnvironment
from netyard.errors import DataError, NetyardError
from netyard.ranges.bounds import Count

log = logging.getLogger(__name__)

_TIME_LIMIT = 1_000  # steps of an episode, for environments without one


@dataclass(kw_only=True, eq=False, repr=False)
class EnvironmentSource(L.LightningDataModule):
    """Environments of one id, with observations and actions in the form that a network takes.

    Raises:
        ConfigError: see ``create.make``.
    """

    id: str
    options: dict[str, Any] | None = None
    """Keyword arguments of the environment's constructor."""
    input_shape: list[Count] | None = None
    num_actions: Count | None = None
    observation_parts: list[dict[str, Any]] | None = None
    """The parts of an observation and their scales, in the order of the network's input; None: as in ``conf/``."""
    action_masks: bool = False
    """Whether the environment says which actions are valid. It follows from the environment."""
    scaling: Literal["auto", "none"] = "auto"
    """auto: large numbers in observations are scaled by mean and deviation of random steps; none: as they are."""
    frame_stack: Count = 1
    """Frames that are stacked into an observation; the replay stores each frame once."""
    max_episode_steps: Count | None = None
    """An episode is truncated after so many steps. None: the limit that the environment is registered with."""
    make: Callable[..., Any] = field(default=create.make)
    """Creates an environment, with the arguments of ``create.make``; tests pass their own."""

    def __post_init__(self) -> None:
        super().__init__()
        self._layout: Layout | None = None
        self._remarks: list[str] = []

    def facts(self) -> dict[str, Any]:
        """Shape and scales of an observation, and the number of actions; read from an environment unless known."""
        if self.input_shape is None:
            self._look()
        elif self.num_actions is None:
            environments = self._make_environments(1)
            self.num_actions = environments.num_actions
            environments.close()
        return {
            "input_shape": list(self.input_shape or []),
            "num_actions": self.num_actions,
            "observation_parts": self.observation_parts,
            "action_masks": self.action_masks,
            "max_episode_steps": self.max_episode_steps,
        }

    def _look(self) -> None:
        """Set the facts from random steps in one environment."""
        environment = self.make(self.id, self.options, self.max_episode_steps, False)
        actions = int(environment.action_space.n)
        layout = layout_of(self.id, environment.observation_space, actions)
        found = look(self.id, environment, layout, self.scaling == "auto")
        self._layout, self.action_masks, self._remarks = found.layout, found.masked, found.remarks
        self.observation_parts = found.layout.record()
        limit = None if environment.spec is None else environment.spec.max_episode_steps
        if limit is None and self.max_episode_steps is None and not (found.truncates or is_of_emulator(environment)):
            self.max_episode_steps = _TIME_LIMIT
            self._remarks.append(
                f"{self.id} has no time limit, and truncated no episode in {STEPS} random steps: episodes are truncated"
                f" after {_TIME_LIMIT:,} steps (data.max_episode_steps)"
            )
        if isinstance(environment, Numbered):
            self._remarks.append(f"{actions:,} actions: {environment.unwrapped.action_space}")
        environment.close()
        environments = self._make_environments(1)
        self.input_shape, self.num_actions = list(environments.observations.shape[1:]), actions
        environments.close()

    def _make_environments(self, count: int, render: bool = False) -> VectorEnvironment:
        made = [self.make(self.id, self.options, self.max_episode_steps, render) for _ in range(count)]
        layout = self._layout = self._layout or self._known_layout(made[0])
        return VectorEnvironment(self.id, [create.arrange(each, layout.own()) for each in made], self.frame_stack)

    def _known_layout(self, environment: Any) -> Layout:
        """The layout that the facts describe."""
        space, actions = environment.observation_space, int(environment.action_space.n)
        if self.observation_parts is None:
            return earlier_layout(self.id, space, actions)
        found = restored(layout_of(self.id, space, actions), self.observation_parts)
        if found is None:
            raise self._changed(f"the observations {space}", f"{len(self.observation_parts)} other part(s)")
        return found

    def _check_facts(self, environments: VectorEnvironment) -> None:
        shape, num_actions = list(environments.observations.shape[1:]), environments.num_actions
        if (self.input_shape and list(self.input_shape) != shape) or (self.num_actions or num_actions) != num_actions:
            raise self._changed(
                f"observations {shape} and {num_actions} actions", f"{self.input_shape} and {self.num_actions}"
            )

    def _changed(self, has: str, config: str) -> DataError:
        return DataError(
            f"environment {self.id} has {has}, the config has {config};",
            "data.input_shape, data.num_actions and data.observation_parts are properties of the environment, not"
            " settings;",
            f"leave them as the data's yaml has them, or try data=gym data.id={self.id}.",
        )

    # Export

    def describe_environment(self) -> dict[str, Any]:
        """What a program needs to use an exported policy: the id, the actions in the order of their numbers, and the
        parts of an observation in the order of the input."""
        try:
            environment = self.make(self.id, self.options, self.max_episode_steps, False)
        except NetyardError as error:  # the network can be exported without its environment
            log.warning("the exported file does not name the actions: %s", error)
            return {"environment": self.id}
        count = int(environment.action_space.n)
        chosen = environment.choices if isinstance(environment, Numbered) else range(count)
        names = getattr(environment.unwrapped, "get_action_meanings", None)
        found = {"environment": self.id, "actions": [as_plain(each) for each in chosen]}
        if callable(names) and len(meanings := list(names())) == count:
            found["action_names"] = [str(each) for each in meanings]
        environment.close()
        return found | ({"observation_parts": self.observation_parts} if self.observation_parts else {})

    @property
    def own_units(self) -> str | None:
        return "observations as the environment returns them" if self._scales() else None

    def normalize(self, x: Tensor) -> Tensor:
        """Observations (B, *input_shape) in the environment's units, as arrays of their parts -> those of the net."""
        scales = self._scales()
        return x if scales is None else (x - scales[0].to(x.device)) / scales[1].to(x.device)

    def denormalize(self, x: Tensor) -> Tensor:
        """The inverse of ``normalize``."""
        scales = self._scales()
        return x if scales is None else x * scales[1].to(x.device) + scales[0].to(x.device)

    def _scales(self) -> tuple[Tensor, Tensor] | None:
        """Mean and deviation of each number of an observation; None if none is scaled."""
        parts = self.observation_parts or []
        if not any(part.get("mean") for part in parts):
            return None
        if len(parts) == 1 and parts[0]["kind"] == "picture":
            return torch.tensor(parts[0]["mean"]), torch.tensor(parts[0]["std"])
        columns = []
        for name, plain in (("mean", 0.0), ("std", 1.0)):
            values = [
                np.broadcast_to(part.get(name) or [plain], sum(part.get("sizes") or [0]) or int(np.prod(part["shape"])))
                for part in parts
            ]
            columns.append(torch.from_numpy(np.tile(np.concatenate(values), self.frame_stack)).float())
        return columns[0], columns[1]

    def example_inputs(self, count: int, steps: int | None = None) -> torch.Tensor:
        """Synthetic observations (count, *input_shape) in the environment's dtype; the same at every call."""
        generator = torch.Generator().manual_seed(count)
        kind = self._dtype()
        if kind.is_floating_point:
            return torch.randn(count, *(self.input_shape or []), generator=generator, dtype=kind)
        high = 2 if kind == torch.bool else 256
        return torch.randint(high, (count, *(self.input_shape or [])), generator=generator).to(kind)

    def _dtype(self) -> torch.dtype:
        environments = self._make_environments(1)
        environments.close()
        return torch.from_numpy(environments.observations).dtype
