"""Writes the graph of the network for TensorBoard's page of graphs."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from netyard.tasks.interfaces import Exportable

log = logging.getLogger(__name__)


class Graph(Callback):
    """Before training, traces the network in its exported form (of a GAN: the generator) with one sample.

    Training is the same with and without it, because the random state is restored. A network that cannot be traced
    gives a warning in the log.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        board: Any = getattr(trainer.logger, "experiment", None)
        # export_signature() sets evaluation mode; frozen parts may be in it already, so each module's mode is restored.
        modes, device = [(module, module.training) for module in pl_module.modules()], pl_module.device
        if not hasattr(board, "add_graph") or not isinstance(pl_module, Exportable) or not trainer.is_global_zero:
            return
        try:
            with torch.random.fork_rng(), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's tracer is deprecated, and warns for each module
                signature = pl_module.export_signature()
                inputs = tuple(each.to(device) for each in signature.examples(trainer.datamodule, 1))
                board.add_graph(signature, inputs, use_strict_trace=False)
        except Exception as error:  # tracers raise errors of many types, and training does not depend on the graph
            log.warning("no graph of the network: %s", str(error).strip().partition("\n")[0])
        finally:
            for module, training in modes:
                module.training = training
