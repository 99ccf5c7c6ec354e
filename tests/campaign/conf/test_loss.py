"""Every loss that is listed trains a network that fits it, and has the scores of its kind."""

from __future__ import annotations

import pytest

from netyard.config import catalog

FAST = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")
REGRESSION = {"mse", "mae", "huber"}
LIKELIHOODS = {"bernoulli", "gaussian", "discretized_logistic"}
RETURNS = {"categorical_return": "c51", "quantile_return": "qr_dqn"}
ADVERSARIAL = {"non_saturating", "minimax", "least_squares", "wasserstein", "adversarial_hinge"}


@pytest.mark.parametrize("name", catalog.options("loss"))
def test_every_loss_runs(train, name: str) -> None:
    if name in LIKELIHOODS | ADVERSARIAL:
        ran = train(f"loss={name}", f"model={'vae_tiny' if name in LIKELIHOODS else 'gan_tiny'}", *FAST)
        assert ran.code == 0, ran.err
        wanted = "elbo" if name in LIKELIHOODS else "frechet_distance"
        assert f"test/{wanted}" in ran.json("results.json")["metrics"]
        return
    if name in RETURNS:
        ran = train(f"loss={name}", f"model={RETURNS[name]}", *FAST[:2], "trainer.limit_train_batches=1", "logger=none")
        assert ran.code == 0, ran.err
        assert ran.json("results.json")["metrics"]["test/return"] > 0
        return
    data = "diabetes" if name in REGRESSION else "breast_cancer"
    ran = train(f"loss={name}", "model=mlp_table", f"data={data}", "trainer.max_epochs=2", "logger=none")
    assert ran.code == 0, ran.err
    metrics = ran.json("results.json")["metrics"]
    assert {"test/mae", "test/rmse"} <= set(metrics) if data == "diabetes" else metrics["test/accuracy"] > 0.8
