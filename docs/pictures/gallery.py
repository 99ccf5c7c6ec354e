"""The pictures of each family in the README, of runs of the recipes in conf/experiment.

``python docs/pictures/gallery.py RUNS docs/pictures``, where ``RUNS/NAME`` is the run of each recipe.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

FIGURES = {
    "cnn_digits": "pictures/test_confusion.png",
    "gru_sunspots": "pictures/test_forecast.png",
    "denoising_autoencoder_digits": "pictures/test_reconstructions.png",
    "vae_digits": "pictures/test_interpolation.png",
    "gan_digits": "pictures/test_samples.png",
    "dqn_cartpole": "pictures/test_episode.gif",
}
"""The figure of each recipe; of a film one frame."""
WIDTH, HEIGHT = 400, 300
NUM_COLOURS = 128


def shrink(runs: Path, folder: Path) -> None:
    """Write ``FOLDER/NAME.png`` for each recipe whose run is there."""
    for name, figure in FIGURES.items():
        if not (runs / name / figure).is_file():
            print(f"left out: {runs / name / figure}")
            continue
        with Image.open(runs / name / figure) as image:
            image.seek(getattr(image, "n_frames", 1) // 2)
            small = image.convert("RGB")
        small.thumbnail((WIDTH, HEIGHT))
        page = Image.new("RGB", (WIDTH, HEIGHT), "white")
        page.paste(small, ((WIDTH - small.width) // 2, (HEIGHT - small.height) // 2))
        page.quantize(NUM_COLOURS, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    shrink(*map(Path, sys.argv[1:]))
