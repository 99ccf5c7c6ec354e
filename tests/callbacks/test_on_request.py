"""What a dashboard shows on request, histograms and the graph: true, and without a trace in the run itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.callbacks.histograms import Histograms
from netyard.tasks.classification import Classification

RUN = (
    "model=cnn_tiny",
    "data=digits",
    "data.batch_size=64",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "model.dropout=0.3",
)


def events(path: Path) -> EventAccumulator:
    return EventAccumulator(str(path), size_guidance={"histograms": 0}).Reload()


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_a_run_that_is_watched_closely_is_the_same_run(train, tmp_path: Path):
    plain = train(*RUN, path=tmp_path / "plain")
    watched = train(*RUN, "callbacks=[default,histograms,graph]", path=tmp_path / "watched")
    assert plain.code == watched.code == 0, watched.err
    assert all(torch.equal(each, weights(watched.path)[name]) for name, each in weights(plain.path).items())
    assert plain.json("results.json")["metrics"] == watched.json("results.json")["metrics"]
    assert not events(plain.path).Tags()["histograms"] and not events(plain.path).Tags()["graph"]


def test_histograms_hold_the_weights_and_their_gradients(train):
    ran = train(*RUN, "callbacks=[default,histograms]")
    found = events(ran.path)
    held = {
        name: each for name, each in weights(ran.path).items() if "running" not in name and "num_batches" not in name
    }
    assert set(found.Tags()["histograms"]) == {f"{kind}/{name}" for kind in ("weights", "gradients") for name in held}
    for name, each in held.items():
        last = found.Histograms(f"weights/{name}")[-1].histogram_value
        assert last.num == each.numel()
        assert (last.min, last.max) == pytest.approx((float(each.min()), float(each.max())))
    assert [each.step for each in found.Histograms(f"gradients/{name}")] == [20, 40]


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


LAYERS = {
    "mlp_tiny": "/Linear[",
    "vae_tiny": "/Linear[",
    "gan_tiny": "/BatchNorm1d[",
    "gru_tiny": "/GRU[",
    "dqn": "/Linear[",
}


@pytest.mark.parametrize("model", LAYERS)
def test_the_graph_shows_the_layers(train, model: str):
    few = ("trainer.limit_train_batches=1", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1")
    small = ("callbacks.scores.num_val_samples=64", "callbacks.scores.num_test_samples=64", "callbacks.episodes=null")
    ran = train(f"model={model}", "callbacks=[default,graph]", "trainer=cpu", "trainer.max_epochs=1", *few, *small)
    assert ran.code == 0, ran.err
    names = [node.name for node in events(ran.path).Graph().node]
    assert any(LAYERS[model] in name for name in names), names
    assert any(name.startswith("output") for name in names)


def test_a_network_that_cannot_be_followed_trains_all_the_same(train, monkeypatch: pytest.MonkeyPatch):
    def served(task: Classification) -> None:
        task.eval()
        raise RuntimeError("it goes two ways\nat once")

    monkeypatch.setattr(Classification, "served", served)
    ran = train(*RUN, "callbacks=[default,graph]")
    assert ran.code == 0
    assert "no graph of the network: it goes two ways\n" in ran.err
    assert ran.json("status.json")["state"] == "completed"
