"""Codes of finished runs: written by predict, decoded by generate, and points between two inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from netyard import api
from netyard.errors import ConfigError, DataError
from netyard.plots.image_grid import write_png


@pytest.fixture(params=["reconstruction", "variational"])
def coded(request, finished) -> api.Run:
    return api.Run(finished(request.param))


def test_codes_are_columns_that_generate_decodes(coded: api.Run, tmp_path: Path) -> None:
    rows = coded.predict(codes=True)
    names = [name for name in rows.columns if name.startswith("code_")]
    assert len(names) == coded.net.latent_size and rows.columns[: -len(names)] == coded.predict().columns
    codes = np.array([[row[name] for name in names] for row in rows[:4]])
    made = coded.generate(latent=codes).pictures
    np.save(tmp_path / "codes.npy", codes)
    torch.save(torch.tensor(codes), tmp_path / "codes.pt")
    lines = [",".join(["row", *names]), *(",".join(map(str, [i, *row])) for i, row in enumerate(codes.tolist()))]
    (tmp_path / "codes.csv").write_text("\n".join(lines))
    for suffix in ("npy", "pt", "csv"):
        assert torch.allclose(coded.generate(latent=f"{tmp_path}/codes.{suffix}").pictures, made, atol=1e-6)
    with torch.no_grad():
        x = coded.datamodule.prepare(coded.datamodule.split("test").x[:4], torch.zeros(4))[0]
        assert torch.allclose(coded.task.decoded(coded.task.codes_of(x)), made, atol=1e-4)


def test_points_between_two_pictures(coded: api.Run, tmp_path: Path) -> None:
    for name, x in zip("ab", coded.datamodule.split("test").x, strict=False):
        write_png(x.float() / coded.datamodule.max_value, tmp_path / f"{name}.png")
    made = coded.generate(between=(f"{tmp_path}/a.png", f"{tmp_path}/b.png"), steps=5).pictures
    assert made.shape[0] == 5 and made.shape[1:] == torch.Size(coded.net.input_shape)
    assert torch.equal(coded.generate(between=f"{tmp_path}/a.png,{tmp_path}/b.png").pictures[[0, -1]], made[[0, -1]])


def test_codes_of_others(finished) -> None:
    generator = api.Run(finished("adversarial"))
    assert len(generator.generate(latent=torch.zeros(3, generator.net.latent_size))) == 3
    with pytest.raises(ConfigError, match="task=adversarial, which has no encoder"):
        generator.generate(between="a.png,b.png")
    quantized = api.Run(finished("vector_quantized"))
    zeros = torch.zeros(2, *quantized.net.code_shape)
    assert len(quantized.generate(latent=zeros)) == 2
    with pytest.raises(ConfigError, match="not all entries of the codebook"):
        quantized.generate(latent=zeros + 0.5)
    conditional = api.Run(finished("conditional"))
    codes = torch.zeros(2, conditional.net.latent_size)
    one, other = (conditional.generate(latent=codes, **{"class": name}).pictures for name in ("3", 3))
    assert torch.equal(one, other)
    with pytest.raises(ConfigError, match="class is 'three', which is no class of the run"):
        conditional.generate(latent=codes, **{"class": "three"})
    with pytest.raises(ConfigError, match="which decodes no codes"):
        api.Run(finished("classification")).generate(latent=zeros)


def test_wrong_codes(finished, tmp_path: Path) -> None:
    run = api.Run(finished("reconstruction"))
    size = run.net.latent_size
    for codes, message in (
        (np.zeros((2, size + 1)), f"a code of this network has {size} numbers"),
        (np.full((2, size), np.nan), "code 0 has NaN"),
        (np.zeros((0, size)), "the codes have the shape"),
        (f"{tmp_path}/none.npy", "cannot be read: No such file"),
    ):
        with pytest.raises(DataError, match=message):
            run.generate(latent=codes)
    with pytest.raises(ConfigError, match="it names two inputs"):
        run.generate(between="a.png")
    with pytest.raises(ConfigError, match="count was given with latent"):
        run.generate(latent=np.zeros((1, size)), count=3)
