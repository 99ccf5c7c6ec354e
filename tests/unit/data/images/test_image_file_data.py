"""Images without classes, as tasks that predict nothing read them: as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from netyard.data.images.image_folder import ImageFolder

AS_THEY_ARE: dict[str, Any] = {"class_folders": None, "crop_ratio": 1.0, "num_workers": 0, "batch_size": 4}


def unlabelled(root: Path, **changes: Any) -> ImageFolder:
    return ImageFolder(root=str(root), **AS_THEY_ARE, **changes)


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, np.ndarray]:
    """Twelve pictures of 9 x 7 pixels in a flat folder, by name."""
    draw = np.random.default_rng(0)
    found = {f"{number:02}.png": draw.integers(0, 256, (7, 9, 3), dtype=np.uint8) for number in range(12)}
    (tmp_path / "flat").mkdir()
    for name, pixels in found.items():
        Image.fromarray(pixels).save(tmp_path / "flat" / name)
    return found


def test_training_sees_every_pixel_of_the_files(tmp_path: Path, pictures: dict[str, np.ndarray]) -> None:
    data = unlabelled(tmp_path / "flat", val_fraction=0, test_fraction=0)
    assert data.facts() == {"channels": 3, "image_size": [7, 9], "num_classes": None, "class_folders": False}
    assert data.input_shape == [3, 7, 9] and data.split("train").y.shape == (12, 1)
    seen = {x.numpy().tobytes() for batch in data.train_dataloader() for x in batch[0]}
    assert seen == {pixels.transpose(2, 0, 1).tobytes() for pixels in pictures.values()}
    stored = np.stack([*pictures.values()]) / 255
    mean, std = data.pixel_statistics()
    assert np.allclose(mean.flatten(), stored.mean((0, 1, 2))) and np.allclose(std.flatten(), stored.std((0, 1, 2)))
    inputs = next(data.inputs(str(tmp_path / "flat")).batches)
    assert {x.numpy().tobytes() for x in inputs.x} == seen, "a prediction reads the same"
    described = data.describe_preparation()
    assert described is not None and described["size"] == [7, 9] and described["crop"] == {"of_largest": 1.0}


def test_measured_statistics_are_those_of_the_checkpoint(tmp_path: Path, pictures: dict[str, np.ndarray]) -> None:
    data = unlabelled(tmp_path / "flat")
    data.setup()
    state = {**data.state_dict(), "statistics": [[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]]}
    resumed, predicted = unlabelled(tmp_path / "flat"), unlabelled(tmp_path / "flat", image_size=[7, 9], channels=3)
    resumed.setup()
    for each in (resumed, predicted):
        each.load_state_dict(state)
        assert each.pixel_statistics()[0].flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "I;16"])
def test_grey_files_have_one_channel_also_if_saved_as_rgb(tmp_path: Path, mode: str) -> None:
    for number in range(4):
        pixels = Image.fromarray(np.full((6, 8), 60 * number, dtype=np.uint8))
        pixels = Image.fromarray(np.asarray(pixels).astype(np.uint16)) if mode == "I;16" else pixels.convert(mode)
        pixels.save(tmp_path / f"{number}.png")
    data = unlabelled(tmp_path)
    data.setup()
    assert data.channels == 1 and len(data.pixel_statistics()[0]) == 1
    x, _, _ = next(iter(data.train_dataloader()))
    assert x.shape[1:] == (1, 6, 8)
    assert any("read as grey" in remark for remark in data.summary()["remarks"])


def test_three_numbers_of_mean_and_std_become_one_for_grey_images(tmp_path: Path) -> None:
    data = unlabelled(tmp_path, channels=1, mean=[0.3, 0.4, 0.5], std=[0.2, 0.2, 0.2])
    assert data.mean == pytest.approx([0.4]) and data.std == pytest.approx([0.2])


def test_images_of_other_sizes_are_cut_to_the_proportions_of_most(
    tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    Image.fromarray(np.zeros((30, 10, 3), dtype=np.uint8)).save(tmp_path / "flat" / "tall.png")
    data = unlabelled(tmp_path / "flat")
    data.setup()
    assert data.image_size == [7, 9]
    assert any("1 with other proportions" in remark for remark in data.summary()["remarks"])


def test_flat_folders_of_good_images_are_tested_on_class_folders(
    tmp_path: Path, pictures: dict[str, np.ndarray]
) -> None:
    for name in ("good", "broken"):
        (tmp_path / "tested" / name).mkdir(parents=True)
        Image.fromarray(pictures["00.png"]).save(tmp_path / "tested" / name / "x.png")
    data = unlabelled(tmp_path / "flat", normal="good", test_root=str(tmp_path / "tested"))
    assert data.facts()["num_classes"] == 2 and data.class_names == ["good", "broken"]
    assert data.split("train").y.dtype == torch.int64 and not data.split("train").y.any()
    assert data.split("test").y.tolist() == [0, 1]
