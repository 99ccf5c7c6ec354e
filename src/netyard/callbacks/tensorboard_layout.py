"""The page of custom scalars: which curves share a chart, for any task."""

from __future__ import annotations

from collections.abc import Iterable

TRAINING = {
    "learning rate": ["lr$"],
    "loss of a step": ["train/loss_step$"],
    "samples a second": ["train/samples_per_second$"],
    "gradient norm": ["train/(\\w+_)?gradient_norm$"],
    "weight norm": ["train/(\\w+_)?weight_norm$"],
}


def layout(names: Iterable[str]) -> dict[str, dict[str, list[object]]]:
    """Metrics ``<stage>/<name>``  ->  for ``SummaryWriter.add_custom_scalars``: a chart each, the loss first.

    TensorBoard matches each tag as a regular expression from its beginning, hence the ``$``.
    """
    metrics = sorted({name.partition("/")[2] for name in names} - {""}, key=lambda name: (name != "loss", name))
    charts = {name: [f"{stage}/{name}$" for stage in ("train", "val")] for name in metrics}
    return {
        "metrics": {title: ["Multiline", tags] for title, tags in charts.items()},
        "training": {title: ["Multiline", tags] for title, tags in TRAINING.items()},
    }
