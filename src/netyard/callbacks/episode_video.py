"""An episode of the trained agent as an animation."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from tensorboard.compat.proto.summary_pb2 import Summary

from netyard.errors import NetyardError
from netyard.plots.gif import gif, write_gif
from netyard.ranges.bounds import Count
from netyard.tasks.interfaces import Acts, EnvironmentData

log = logging.getLogger(__name__)


class Episodes(Callback):
    """After the test, plays an episode greedily: ``test/episode`` in TensorBoard, and ``pictures/test_episode.gif``.

    A task that does not act shows nothing; an environment that cannot be rendered is a warning in the log.

    Args:
        every_n_steps: steps of the environment from one frame to the next.
        max_steps: after so many the pictures end, though the episode may not.
    """

    def __init__(self, every_n_steps: Count = 2, max_steps: Count = 1_000) -> None:
        self.every_n_steps, self.max_steps = every_n_steps, max_steps

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        task: Any = pl_module
        data: Any = trainer.datamodule
        board: Any = trainer.logger  # only netyard's takes a picture that is encoded already
        if not (isinstance(task, Acts) and isinstance(data, EnvironmentData) and hasattr(board, "add_summary")):
            return
        try:
            frames, _ = data.record_episode(task.greedy, every=self.every_n_steps, limit=self.max_steps)
        except NetyardError as error:
            log.warning("no pictures of an episode: %s", error)
            return
        content = gif(frames)
        write_gif(content, Path(trainer.default_root_dir) / "pictures" / "test_episode.gif")
        # As TensorBoard's own add_video does, which wants another package to make a GIF.
        height, width = frames[0].shape[:2]
        picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
        summary = Summary(value=[Summary.Value(tag="test/episode", image=picture)])
        board.add_summary(summary, trainer.global_step)
