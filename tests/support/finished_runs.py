"""One finished tiny run for each task and kind of data, trained at its first use and shared by all tests."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from filelock import FileLock

from support.signalled_runs import RUN as SHORT_STEPS
from support.user_files import write_user_files

SMOKE = ("debug=smoke", "logger=none")
FEW_CHARACTERS = ("data.max_characters=20000", "data.batch_size=4", "data.sequence_length=32")
EPOCH = ("trainer=cpu", "trainer.max_epochs=1", "logger=none")
DRAWN = EPOCH[:2]  # in TensorBoard too

# FILES becomes the folder of the files that ``write_user_files`` makes.
PHOTOS = (
    "data=image_folder",
    "data.root=FILES/photos",
    "data.image_size=16",
    "data.num_workers=0",
    "data.batch_size=8",
)

RUNS: dict[str, tuple[str, ...]] = {
    # One for each task.
    "classification": ("model=mlp_tiny", *EPOCH),
    "regression": ("data=diabetes", "model=mlp_table", *EPOCH),
    "forecasting": ("model=gru_tiny", "data=sunspots", "task.normalize=series", *SMOKE),
    "language": ("model=lstm_tiny", "data=python_source", *FEW_CHARACTERS, *SMOKE),
    "translation": ("model=seq2seq_tiny", "data.size=300", "data.batch_size=32", *DRAWN),
    "reconstruction": ("model=autoencoder_tiny", *SMOKE),
    "variational": ("model=vae_tiny", "callbacks.scores=null", *SMOKE),
    "vector_quantized": ("model=vq_vae_tiny", "callbacks.scores=null", *SMOKE),
    "adversarial": (
        "model=gan_tiny",
        "task=adversarial",
        "callbacks.scores.num_val_samples=64",
        "callbacks.scores.num_test_samples=64",
        *SMOKE,
    ),
    "q_learning": ("model=dqn", *SMOKE),
    # Other kinds of networks and of data.
    "attention": ("model=transformer_tiny", "data=python_source", *FEW_CHARACTERS, *SMOKE),
    "windowed": ("model=gru_tiny", "data=sunspots", "task.normalize=window", *SMOKE),
    "rows": ("model=gru_tiny", "data=digits_rows", *SMOKE),
    "iris": ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "trainer.max_epochs=2"),
    "photos": (
        "model=cnn_tiny", "loss=label_smoothing", *PHOTOS, *EPOCH,
    ),
    "tags": ("model=cnn_tiny", *PHOTOS, "data.labels=FILES/tags.csv", "task=multilabel", *DRAWN),
    "places": (
        "model=cnn_tiny", *PHOTOS, "data.labels=FILES/places.csv", "data.target=[x,y]", "task=regression", "loss=mse",
        *EPOCH,
    ),
    "coded_photos": ("model=autoencoder_tiny", *PHOTOS, *SMOKE),
    "opinions": (
        "model=bilstm", "model.hidden_size=8", "model.num_layers=1", "data=sentiment",
        "data.path=FILES/opinions.csv", *EPOCH,
    ),
    "sales": (
        "model=gru_tiny", "data=series", "data.path=FILES/sales.csv", "data.column=sold", "data.window=12",
        "data.horizon=3", "data.season=12", *EPOCH,
    ),
    "song": (
        "data=text", "data.path=FILES/song.txt", "model=gru_tiny", "data.batch_size=4", "data.sequence_length=16",
        "optimizer.lr=0.03", "trainer=cpu", "trainer.max_epochs=6",
    ),
    "kind": (
        "data=csv", "data.path=FILES/table.csv", "data.batch_size=8", "data.target=kind", "data.drop=[price]", *EPOCH,
    ),
    "price": (
        "data=csv", "data.path=FILES/table.csv", "data.batch_size=8", "data.target=price", "task=regression",
        "loss=mse", *EPOCH,
    ),
    # Other ways of learning.
    "anomalies": (
        "model=autoencoder_tiny", "task=anomaly", "task.normal=[0,1,2,4,5,6,7,8,9]", "task.false_alarms=0.05", *DRAWN,
    ),
    "denoised": ("model=denoising_autoencoder", "model.hidden_sizes=[16]", *SMOKE),
    "wider": ("model=vae_tiny", "model.latent_size=5", "callbacks.scores=null", *SMOKE),
    "conditional": ("model=conditional_vae", "model.hidden_sizes=[16]", "callbacks.scores=null", *SMOKE),
    "contract": ("model=mlp_tiny", "trainer.max_epochs=3", "scheduler=cosine"),
    "judge": ("model=cnn_tiny", *EPOCH),
    "uninterrupted": (*SHORT_STEPS, "trainer.max_epochs=3", "scheduler=cosine"),
    # With TensorBoard's files.
    "drawn_iris": (
        "model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "trainer.max_epochs=3",
        "trainer.log_every_n_steps=2", "scheduler=cosine", "optimizer.lr=0.01", "task.monitor=val/loss",
        "task.mode=min",
    ),
    "drawn_diabetes": (
        "model=mlp_tiny", "data=diabetes", "trainer=cpu", "trainer.max_epochs=2", "trainer.log_every_n_steps=1",
    ),
    "drawn_digits": ("model=mlp_tiny", "data=digits", "trainer=cpu", "trainer.max_epochs=1"),
    "drawn_samples": (
        "model=vae_tiny", "data=digits", "debug=smoke", "trainer.max_epochs=3", "trainer.log_every_n_steps=1",
        "callbacks.scores=null",
    ),
}  # fmt: skip


class FinishedRuns:
    """The directories of the runs above, in one folder that several processes may share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, dict[str, tuple[int, int]]] = {}

    @property
    def files(self) -> Path:
        """The folder of the files that runs were trained on; see ``write_user_files``."""
        files = self._folder / "files"
        with self._lock("files"):
            if not files.exists():
                write_user_files(files)
        return files

    def __call__(self, name: str) -> Path:
        """The directory of a run, which is trained now if it was not yet."""
        path = self._folder / name
        if name not in self._seen:
            with self._lock(name):
                if not path.exists():
                    _train([text.replace("FILES", str(self.files)) for text in RUNS[name]], path)
            state = json.loads((path / "status.json").read_text(encoding="utf-8"))["state"]
            assert state == "completed", f"the run {name} is {state}; see {path / 'train.log'}"
            self._seen[name] = _listed(path)
        return path

    def changed(self) -> list[str]:
        """The runs of which a file is another than when this process first saw it."""
        return [name for name, listed in self._seen.items() if _listed(self._folder / name) != listed]

    def _lock(self, name: str) -> FileLock:
        self._folder.mkdir(exist_ok=True)
        return FileLock(self._folder / f"{name}.lock")


def _listed(path: Path) -> dict[str, tuple[int, int]]:
    """Return size and modification time of each file."""
    return {str(each): (each.lstat().st_size, each.lstat().st_mtime_ns) for each in path.rglob("*")}


def _train(overrides: list[str], path: Path) -> None:
    from netyard.cli import main

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as said:
        patch.setattr("sys.argv", ["train.py"])
        code = main.train([*overrides, "baselines=false", f"hydra.run.dir={path}"])
    assert code == 0, f"train.py {' '.join(overrides)} ended with code {code}: {said.getvalue()}"
