"""The graph of a network in a run's event file."""

from __future__ import annotations

from collections.abc import Callable

from support.command_result import Ran
from support.event_files import events

ONE_BATCH = (
    "trainer=cpu",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=1",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
)
LAYERS = {
    "mlp_tiny": "/Linear[",
    "vae_tiny": "/Linear[",
    "gan_tiny": "/BatchNorm1d[",
    "gru_tiny": "/GRU[",
    "dqn": "/Linear[",
}


def check_layers(train: Callable[..., Ran], model: str, *small: str) -> None:
    """The graph of a run of one batch has the layers of its network and their outputs."""
    ran = train(f"model={model}", "callbacks=[default,graph]", *ONE_BATCH, *small)
    assert ran.code == 0, ran.err
    names = [node.name for node in events(ran.path).Graph().node]
    assert any(LAYERS[model] in name for name in names), names
    assert any(name.startswith("output") for name in names)
