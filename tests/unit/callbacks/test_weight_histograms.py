"""Histograms of weights: what is no number is left out."""

from __future__ import annotations

import numpy as np
import torch

from netyard.callbacks.weight_histograms import Histograms


def test_histograms_leave_out_what_is_no_number():
    drawn = {}
    board = type("Board", (), {"add_histogram": lambda self, tag, numbers, step: drawn.update({tag: numbers})})()
    logger = type("Logger", (), {"experiment": board})()
    trainer = type(
        "Trainer",
        (),
        {"logger": logger, "current_epoch": 0, "is_last_batch": True, "is_global_zero": True, "global_step": 1},
    )()
    net = torch.nn.Linear(2, 1)
    net.weight.data = torch.tensor([[float("nan"), 0.5]], dtype=torch.bfloat16)
    net.bias.data.fill_(float("inf"))
    Histograms().on_train_batch_end(trainer, net, None, None, 0)
    assert set(drawn) == {"weights/weight"} and np.asarray(drawn["weights/weight"]).tolist() == [0.5]
