"""Each loss of conf/ is accepted for its task and refused for others."""

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from netyard.config import catalog
from netyard.losses.probe import check_classification_loss, check_multilabel_loss, check_regression_loss

CLASSIFICATION = ["asymmetric", "bce", "cross_entropy", "focal", "hinge", "label_smoothing"]
REGRESSION = ["huber", "mae", "mse"]
# Of pictures or returns, and not of labels or numbers; their own tests are test_likelihoods, test_returns and so on.
LABELS = ["asymmetric", "bce", "focal"]  # decide each label by itself, once they are told to
OTHERS = ["bernoulli", "discretized_logistic", "gaussian"]
OTHERS += ["categorical_return", "quantile_return"]  # test_returns


OTHERS += ["adversarial_hinge", "least_squares", "minimax", "non_saturating", "wasserstein"]


NO_SOFT_TARGETS = ["hinge"]


def chosen(name: str) -> nn.Module:
    return instantiate(OmegaConf.load(catalog.conf_dir() / "loss" / f"{name}.yaml"), _convert_="all")


def test_every_file_is_tested():
    assert sorted(CLASSIFICATION + REGRESSION + OTHERS) == catalog.options("loss")


@pytest.mark.parametrize("num_classes", [2, 3, 10, 100])
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classification_losses(name, num_classes):
    loss = chosen(name)
    check_classification_loss(loss, num_classes)
    with pytest.raises(
        ValueError, match=rf"^loss {type(loss).__name__} does not .*; regression needs .*; try loss=mse\."
    ):
        check_regression_loss(loss, num_classes)


@pytest.mark.parametrize("num_labels", [1, 2, 7])
@pytest.mark.parametrize("name", CLASSIFICATION + REGRESSION)
def test_losses_of_labels(name, num_labels):
    loss = chosen(name)
    if name in LABELS:
        loss.set_labels(num_labels)
        check_multilabel_loss(loss, num_labels)
    else:
        with pytest.raises(ValueError, match=rf"^loss {type(loss).__name__} does not .*; several labels need .*=bce\."):
            check_multilabel_loss(loss, num_labels)


@pytest.mark.parametrize("num_targets", [1, 2, 3, 10])
@pytest.mark.parametrize("name", REGRESSION)
def test_regression_losses(name, num_targets):
    loss = chosen(name)
    check_regression_loss(loss, num_targets)
    with pytest.raises(
        ValueError, match=r"does not take class labels; classification needs .*; try loss=cross_entropy\."
    ):
        check_classification_loss(loss, num_targets + 1)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_one_target_does_not_let_a_classification_loss_through(name):
    with pytest.raises(ValueError, match="does not"):
        check_regression_loss(chosen(name), 1)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_soft_targets(name):
    if name in NO_SOFT_TARGETS:
        with pytest.raises(ValueError, match=r"does not take soft targets; mixup .*; try loss=cross_entropy"):
            check_classification_loss(chosen(name), 3, soft_targets=True)
    else:
        check_classification_loss(chosen(name), 3, soft_targets=True)


@pytest.mark.parametrize(
    "loss",
    [nn.NLLLoss(), nn.MultiMarginLoss(p=2), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.1]))],
    ids=lambda loss: type(loss).__name__,
)
def test_other_classification_losses_pass_too(loss):
    check_classification_loss(loss, 3)


@pytest.mark.parametrize("loss", [nn.SmoothL1Loss(), nn.functional.mse_loss, nn.MSELoss(reduction="sum")])
def test_other_regression_losses_pass_too(loss):
    check_regression_loss(loss, 2)


def test_the_median_is_not_the_only_quantile():
    def pinball(prediction, target):
        return torch.maximum(0.9 * (target - prediction), 0.1 * (prediction - target)).mean()

    check_regression_loss(pinball, 2)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(reduction="none"),
        nn.BCEWithLogitsLoss(),
        nn.GaussianNLLLoss(),
        nn.CosineEmbeddingLoss(),
        lambda logits, labels: -nn.functional.cross_entropy(logits, labels),
        lambda logits, labels: logits.sum() * torch.nan,
        lambda logits, labels: logits.sum() * 0,
    ],
    ids=["unreduced", "bce_logits", "gaussian_nll", "cosine", "upside_down", "nan", "constant"],
)
def test_losses_that_are_refused_for_classification(loss):
    with pytest.raises(ValueError, match=r"does not .*; classification needs a loss of logits and labels; try"):
        check_classification_loss(loss, 3)


@pytest.mark.parametrize("num_targets", [1, 3])
@pytest.mark.parametrize(
    "loss",
    [
        nn.MSELoss(reduction="none"),
        nn.BCEWithLogitsLoss(),
        nn.BCELoss(),
        nn.KLDivLoss(reduction="batchmean"),
        nn.PoissonNLLLoss(),
        nn.GaussianNLLLoss(),
        lambda prediction, target: -nn.functional.mse_loss(prediction, target),
        lambda prediction, target: nn.functional.mse_loss(prediction[:, :1], target[:, :1]) * 0,
        lambda prediction, target: nn.functional.mse_loss(prediction, target).detach(),
    ],
    ids=[
        "unreduced",
        "bce_logits",
        "bce",
        "kl",
        "poisson",
        "gaussian_nll",
        "upside_down",
        "constant",
        "detached",
    ],
)
def test_losses_that_are_refused_for_regression(loss, num_targets):
    with pytest.raises(ValueError, match=r"does not .*; regression needs a loss of predictions and targets.*; try"):
        check_regression_loss(loss, num_targets)


def test_a_single_class_is_no_classification():
    with pytest.raises(ValueError, match=r"num_classes is 1; .* 2 or more; try task=regression"):
        check_classification_loss(nn.CrossEntropyLoss(), 1)


def test_probing_works_where_gradients_are_off_and_leaves_no_trace():
    loss = nn.MSELoss()
    state = torch.get_rng_state()
    with torch.no_grad():
        check_regression_loss(loss, 2)
    assert torch.equal(state, torch.get_rng_state())


def test_a_refusal_names_the_loss_and_its_cause():
    def unknown(logits, labels):
        raise TypeError("what is this?")

    with pytest.raises(ValueError, match=r"^loss unknown does not take class labels;") as refused:
        check_classification_loss(unknown, 3)
    assert str(refused.value.__cause__) == "what is this?"
    with pytest.raises(ValueError, match=r"^loss unknown does not take numbers as targets;") as refused:
        check_regression_loss(unknown, 1)
    assert str(refused.value.__cause__) == "what is this?"
    with pytest.raises(ValueError, match=r"^loss <lambda> does not decrease when the true class becomes"):
        check_classification_loss(lambda logits, labels: logits.sum() * 0, 3)
    with pytest.raises(ValueError, match="does not take class labels") as refused:
        check_classification_loss(nn.CrossEntropyLoss(reduction="none"), 3)
    assert str(refused.value.__cause__).startswith("its value is [") and "not one finite" in str(
        refused.value.__cause__
    )


def test_an_infinite_value_is_no_loss():
    with pytest.raises(ValueError, match="does not take class labels"):
        check_classification_loss(lambda logits, labels: -logits.sum() / 0.0, 3)


def test_a_probe_is_made_on_the_cpu_whatever_the_default_device_is():
    with torch.device("meta"):
        check_classification_loss(nn.CrossEntropyLoss(), 3)
        check_regression_loss(nn.MSELoss(), 2)


def test_a_probe_has_every_class_and_one_sample_more():
    seen = []

    def spy(logits, labels):
        seen.append((tuple(logits.shape), labels.tolist(), logits.max().item()))
        return nn.functional.cross_entropy(logits, labels)

    check_classification_loss(spy, 3)
    assert seen == [((4, 3), [0, 1, 2, 0], 0.0), ((4, 3), [0, 1, 2, 0], 1.0)]


def test_a_probe_of_numbers_lies_half_a_unit_on_both_sides():
    seen = []

    def spy(prediction, target):
        seen.append((target.flatten().tolist(), (prediction - target).unique().tolist()))
        return nn.functional.mse_loss(prediction, target)

    check_regression_loss(spy, 1)
    ends = [(round(target[0], 4), round(target[-1], 4)) for target, _ in seen]
    assert ends == [(-2.0, 3.0)] * 2 and [sorted({round(each, 4) for each in offset}) for _, offset in seen] == [
        [-0.5],
        [0.5],
    ]
