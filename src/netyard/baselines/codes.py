"""Baselines of autoencoders: a PCA with a code of the same size, or k-means with as many discrete codes.

Reconstructions are measured by the task itself, as those of its network are. A PCA reconstructs an input with noise
from its projection on components of clean samples. For a map of discrete codes, an image is cut into as many patches
as the map has places, and each is replaced by the nearest of as many centres as the codebook has entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.baselines import densities
from netyard.baselines.densities import inputs_of
from netyard.baselines.rows import has_rows, pixel_facts
from netyard.baselines.scores import Mode, Scores
from netyard.metrics.linear_probe import PCA, Probe, fit_pca, linear_probe, nearest_neighbours
from netyard.tasks.interfaces import has_classes

VERSION = 1
_MOST = 10_000  # samples that a PCA is fitted on, and that are scored
_MOST_NUMBERS = 2**24  # in them: 64 MiB
_MOST_PATCHES = 20_000  # that k-means is fitted on
_SEED = 0


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The size of the code, the noise, and what the metrics depend on."""
    found = {"code": _code_shape(task), "codebook": getattr(task.net, "codebook_size", None)}
    noise = [getattr(task, "noise", "none"), getattr(task, "noise_level", 0)]
    facts = found | {"noise": noise, "loss": repr(task.loss), "classes": getattr(data, "num_classes", None)}
    return facts | pixel_facts(data) | (densities.settings(task, data) if _is_discrete(task) else {})


def scores(task: Any, data: Any, stage: str) -> Scores:
    """The errors of reconstructions, and of continuous codes the accuracy of classifiers on them."""
    if not has_rows(data):
        return Scores({}, "min")
    if hasattr(task, "pixels"):
        task.pixels.set_statistics(data)  # a task that was not trained has none
    if _is_discrete(task):
        return _of_patches(task, data, stage)
    return _of_components(task, data, stage)


def _is_discrete(task: Any) -> bool:
    return getattr(task.net, "codebook_size", None) is not None


@torch.no_grad()
def _code_shape(task: Any) -> list[int]:
    """The shape of a code; that of a network which does not name it by encoding a sample."""
    if _is_discrete(task) or hasattr(task.net, "latent_size"):
        return list(task.code_shape)
    training = task.training
    task.eval()  # a batch norm takes no single sample in training
    shape = task.codes_of(torch.zeros(1, *task.input_shape, device=task.device)).shape[1:]
    task.train(training)
    return list(shape)


def _of_components(task: Any, data: Any, stage: str) -> Scores:
    numbers, size = math.prod(task.input_shape), math.prod(_code_shape(task))
    read = inputs_of(data, "train", min(_MOST, max(1, _MOST_NUMBERS // numbers)))
    x, y = (torch.cat(each) for each in zip(*read, strict=True))
    pca = fit_pca(x, size)
    values = {}
    # A code that holds the whole sample reconstructs it exactly, which says nothing.
    if size < numbers or getattr(task, "noise", "none") != "none":
        values = _measured(pca, task, data, stage)
    mode: Mode = "min" if values else "max"
    if has_classes(data) and not y.is_floating_point() and y.ndim == 1:
        values |= _read(pca, Probe(pca.codes(x), y), data, stage)
    subset = len(x) if len(x) < len(data.split("train")) else None
    return Scores(values, mode, subset, _tested(data, stage))


def _measured(pca: PCA, task: Any, data: Any, stage: str) -> dict[str, dict[str, float]]:
    """The errors of reconstructions from the code of a PCA; not of the noise itself, which is no result of it."""
    basis, mean = pca.basis.double().to(task.device), pca.mean.double().to(task.device)

    def reconstruct(given: Tensor) -> Tensor:
        flat = given.flatten(1).double() - mean
        return (mean + flat @ basis @ basis.T).to(given.dtype).view_as(given)

    found = task.measured(reconstruct, (x for x, _ in inputs_of(data, stage, _MOST)))
    values = {name: {"pca": value} for name, value in found.items() if not name.endswith("_noisy")}
    return {"mse": values.pop("mse"), **values}


def _read(pca: PCA, known: Probe, data: Any, stage: str) -> dict[str, dict[str, float]]:
    """The accuracies of classifiers on codes of a PCA, as ``metrics.linear_probe.Reader`` has them."""
    found = [(pca.codes(x), y) for x, y in inputs_of(data, stage, _MOST)]
    codes, labels = (torch.cat(each) for each in zip(*found, strict=True))

    def accuracy(classify: Callable[[Probe, Tensor, int], Tensor]) -> dict[str, float]:
        return {"pca": float((classify(known, codes, data.num_classes) == labels).double().mean())}

    return {"knn_accuracy": accuracy(nearest_neighbours), "linear_accuracy": accuracy(linear_probe)}


def _of_patches(task: Any, data: Any, stage: str) -> Scores:
    from sklearn.cluster import KMeans

    total = len(data.split("train"))
    most = min(_MOST, max(1, _MOST_NUMBERS // math.prod(data.input_shape)))
    grid = _Grid(task.code_shape, data.input_shape)
    taken = [x for x, _ in inputs_of(data, "train", most)]
    patches = torch.cat([grid.patches(x) for x in taken]).numpy()
    count = sum(map(len, taken))
    if len(patches) > _MOST_PATCHES:
        patches = patches[np.random.default_rng(_SEED).permutation(len(patches))[:_MOST_PATCHES]]
    clusters = min(task.net.codebook_size, len(np.unique(patches, axis=0)))
    found = KMeans(clusters, n_init=1, max_iter=100, random_state=_SEED).fit(patches)
    centres = torch.from_numpy(found.cluster_centers_).float()

    def reconstruct(x: Tensor) -> Tensor:
        nearest = torch.cdist(grid.patches(x.cpu()), centres).argmin(dim=1)
        return grid.images(centres[nearest], len(x)).to(x.device)

    measured = task.measured(reconstruct, (batch for batch, _ in inputs_of(data, stage, _MOST)))
    values = {name: {"k_means": value} for name, value in measured.items()}
    values = {"mse": values.pop("mse"), **values}
    for metric, scored in densities.sample_scores(task, data, stage).values.items():
        values[metric] = dict(scored)
    subset = count if count < total else None
    return Scores(values, "min", subset, _tested(data, stage), {"k_means": {"n_clusters": clusters}})


class _Grid:
    """Images (N, C, H, W) as a patch for each place of a code map (h, w), and back; other samples are one patch."""

    def __init__(self, code_shape: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
        self.input_shape = tuple(input_shape)
        self.is_map = len(code_shape) == 2 and len(input_shape) == 3
        if self.is_map:
            self.sides = [-(-side // places) for side, places in zip(input_shape[1:], code_shape, strict=True)]
            height, width = (side * places for side, places in zip(self.sides, code_shape, strict=True))
            self.padding = (0, width - input_shape[2], 0, height - input_shape[1])
            self.whole = (height, width)

    def patches(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N * h * w, C * side * side)"""
        if not self.is_map:
            return x.flatten(1)
        x = F.pad(x, self.padding, mode="replicate") if any(self.padding) else x
        return F.unfold(x, self.sides, stride=self.sides).transpose(1, 2).flatten(0, 1)

    def images(self, patches: Tensor, count: int) -> Tensor:
        """The inverse."""
        if not self.is_map:
            return patches.view(count, *self.input_shape)
        columns = patches.view(count, -1, patches.shape[1]).transpose(1, 2)
        whole = F.fold(columns, self.whole, self.sides, stride=self.sides)
        return whole[:, :, : self.input_shape[1], : self.input_shape[2]]


def _tested(data: Any, stage: str) -> int | None:
    return _MOST if len(data.split(stage)) > _MOST else None
