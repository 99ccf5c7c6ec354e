"""Layout of TensorBoard's page of custom scalars: which curves share a chart, for any task."""

from __future__ import annotations

from collections.abc import Iterable

# Title of each chart and the tags in it.
TRAINING = {
    "learning rate": ["lr$"],
    "step loss": ["train/loss_step$"],
    "samples per second": ["train/samples_per_second$"],
    "gradient norm": ["train/(\\w+_)?gradient_norm$"],  # of a GAN: generator_gradient_norm and so on
    "weight norm": ["train/(\\w+_)?weight_norm$"],
}


def layout(names: Iterable[str], training: str = "train") -> dict[str, dict[str, list[object]]]:
    """Return one chart for each metric ``<stage>/<name>``, the loss first, for ``SummaryWriter.add_custom_scalars``.

    Args:
        names: the metrics.
        training: the first part of the tags of training. TensorBoard gives each run a colour, so that a chart has two
            only if those tags are in another run.
    """
    metrics = sorted({name.partition("/")[2] for name in names} - {""}, key=lambda name: (name != "loss", name))
    # TensorBoard matches a tag as a regular expression from its beginning: without ``$`` loss would match loss_step.
    charts = {name: [f"{stage}/{name}$" for stage in (training, "val")] for name in metrics}
    return {
        "metrics": {title: ["Multiline", tags] for title, tags in charts.items()},
        "training": {title: ["Multiline", tags] for title, tags in TRAINING.items()},
    }
