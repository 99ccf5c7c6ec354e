"""What fits data: the likelihood of a VAE, unless one is typed, and the models that are proposed."""

from __future__ import annotations

import hydra
import pytest
from hydra.types import RunMode

from netyard.config import catalog, compose, fitting
from netyard.tasks.interfaces import lacks

GAUSSIAN, BERNOULLI = "netyard.losses.likelihoods.Gaussian", "netyard.losses.likelihoods.Bernoulli"
LOGISTIC = "netyard.losses.likelihoods.DiscretizedLogistic"
NAMES = {GAUSSIAN: "gaussian", BERNOULLI: "bernoulli", LOGISTIC: "discretized_logistic"}


@pytest.mark.parametrize(
    ("words", "target", "more"),
    [
        (["model=vae"], LOGISTIC, {"max_value": 16}),
        (["model=vae", "data=fashion_mnist"], LOGISTIC, {"max_value": 255}),
        (["model=vae", "loss=bernoulli"], BERNOULLI, {}),
        (["model=vae", "data=image_folder", "data.root=x", "data.channels=1", "data.image_size=8"], BERNOULLI, {}),
        (["experiment=vae_fashion_mnist"], BERNOULLI, {"binarize": "sample"}),
        (["model=vae", "loss.binarize=sample"], BERNOULLI, {"binarize": "sample"}),
        (["model=vae", "data=iris"], GAUSSIAN, {"num_parameters": 2}),
        (["model=beta_vae", "data=csv", "data.path=x.csv", "data.target=null"], GAUSSIAN, {"num_parameters": 2}),
        (["model=vae", "data=sunspots"], GAUSSIAN, {"num_parameters": 2}),
        (["model=vae", "data=iris", "loss.num_parameters=1"], GAUSSIAN, {"num_parameters": 1}),
        (["model=vae", "data=iris", "loss=bernoulli"], BERNOULLI, {}),  # refused when the run starts
        (["model=vae", "data=iris", "loss=gaussian"], GAUSSIAN, {"num_parameters": 1}),
    ],
    ids=" ".join,
)
def test_the_likelihood_fits_the_data(words: list[str], target: str, more: dict[str, object]) -> None:
    cfg, choices = compose.compose(words)
    assert cfg.loss._target_ == target
    assert choices["loss"] == NAMES[target]
    assert cfg.model.num_outputs_per_pixel == cfg.loss.num_parameters
    assert {key: cfg.loss[key] for key in more} == more


def test_other_losses_stay() -> None:
    assert compose.compose(["model=autoencoder", "data=iris"])[1]["loss"] == "mse"


def test_each_job_of_a_sweep_has_its_own() -> None:
    with compose.opened() as app:
        master = app.compose_config("train", ["model=vae", "data=iris"], RunMode.MULTIRUN)
        jobs = [
            app.config_loader.load_sweep_config(master, ["model=vae", f"data={name}"]) for name in ("iris", "digits")
        ]
    assert [job.loss._target_ for job in jobs] == [GAUSSIAN, LOGISTIC]


@pytest.mark.parametrize(
    ("data", "methods"), [("python_source", ["unroll"]), ("number_words", ["encode", "decode"]), ("sentiment", [])]
)
def test_models_that_are_proposed_have_the_methods_that_the_task_calls(data: str, methods: list[str]) -> None:
    proposed = fitting.models_for({"data": data})
    for name in ("rnn_tiny", "bigru", "transformer_tiny", "seq2seq_tiny"):
        node = catalog.variants()[name]
        net = hydra.utils.get_class(node["_target_"])
        fits = not lacks(net, *methods) if methods else lacks(net, "encode")
        looks_ahead = data == "python_source" and node.get("bidirectional", False)
        assert (name in proposed) == (bool(fits) and not looks_ahead), name


@pytest.mark.parametrize(
    ("data", "task", "wanted"),
    [
        ("digits", "classification", "cnn_digits"),
        ("digits", "variational", "vae_digits"),
        ("digits", "adversarial", "gan_digits"),
        ("digits_rows", "classification", "lstm_digits_rows"),
        ("sunspots", "forecasting", "gru_sunspots"),
        ("cartpole", "q_learning", "dqn_cartpole"),
        ("iris", "classification", None),
        ("digits", "anomaly", None),
    ],
)
def test_a_recipe_is_one_for_the_data_and_the_task(data: str, task: str, wanted: str | None) -> None:
    assert fitting.recipe_for({"data": data, "task": task}) == wanted
