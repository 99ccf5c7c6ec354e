"""Records an episode of the trained agent as an animated GIF."""

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
    """After the test, runs an episode with the greedy policy and records it.

    It is ``test/episode`` in TensorBoard and ``pictures/test_episode.gif`` in the run directory. Does nothing for tasks
    other than agents; logs a warning if the environment cannot be rendered.

    Args:
        every_n_steps: number of environment steps from one frame to the next.
        max_steps: number of environment steps after which the recording ends, even within the episode.
    """

    def __init__(self, every_n_steps: Count = 2, max_steps: Count = 1_000) -> None:
        self.every_n_steps, self.max_steps = every_n_steps, max_steps

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        task: Any = pl_module
        data: Any = trainer.datamodule
        board: Any = trainer.logger  # only netyard's own logger accepts an encoded image
        if not (isinstance(task, Acts) and isinstance(data, EnvironmentData) and hasattr(board, "add_summary")):
            return
        try:
            frames, _ = data.record_episode(task.greedy, every=self.every_n_steps, limit=self.max_steps)
        except NetyardError as error:
            # The video is an extra: training and test are done, so a missing renderer must not fail the run.
            log.warning("no video of an episode: %s", error)
            return
        content = gif(frames)
        write_gif(content, Path(trainer.default_root_dir) / "pictures" / "test_episode.gif")
        # SummaryWriter.add_video writes the same image summary, but needs moviepy to encode the GIF.
        height, width = frames[0].shape[:2]
        picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
        summary = Summary(value=[Summary.Value(tag="test/episode", image=picture)])
        board.add_summary(summary, trainer.global_step)
