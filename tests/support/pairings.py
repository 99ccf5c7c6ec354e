"""Every pair of a network, a task, a loss or an augmentation with a kind of data, as words of a command line."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

from netyard.config import catalog
from support.command_result import Ran

# FILES becomes the folder of the files that ``write_user_files`` makes.
DATA = {
    "digits": "data=digits",
    "photos": "data=image_folder data.root=FILES/photos data.image_size=32 data.num_workers=0",
    "breast_cancer": "data=breast_cancer",
    "diabetes": "data=diabetes",
    "kind": "data=csv data.path=FILES/table.csv data.target=kind",
    "price": "data=csv data.path=FILES/table.csv data.target=price",
    "sales": "data=series data.path=FILES/sales.csv data.column=sold data.window=12 data.horizon=3",
    "song": "data=text data.path=FILES/song.txt data.sequence_length=16",
    "opinions": "data=sentiment data.path=FILES/opinions.csv",
    "number_words": "data=number_words data.size=300",
    "cartpole": "data=cartpole",
    "digits_rows": "data=digits_rows",
}
# Not debug=smoke, with which a refused command has a traceback.
SMALL = [
    *("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1"),
    *("trainer.limit_test_batches=1", "logger=none", "data.batch_size=4", "data.eval_batch_size=4"),
    *("callbacks.figures=null", "callbacks.scores=null", "callbacks.progress=null", "callbacks.episodes=null"),
]
# A network of each family, and those that ask their data for something else.
MODELS = [
    *(
        "mlp_tiny",
        "cnn_tiny",
        "lenet5",
        "resnet_tiny",
        "timm_tiny",
        "lstm_tiny",
        "bilstm_attention",
        "transformer_tiny",
    ),
    *("seq2seq_tiny", "autoencoder_tiny", "conv_autoencoder", "sparse_autoencoder", "vae_tiny", "conditional_vae"),
    *("conv_vae", "vq_vae_tiny", "gan_tiny", "dcgan_tiny", "acgan", "dqn", "c51", "noisy_dqn"),
]
# The data that each network is made for.
HOME = {
    "mlp_tiny": "digits", "lstm_tiny": "opinions", "transformer_tiny": "song", "seq2seq_tiny": "number_words",
    "autoencoder_tiny": "digits", "vae_tiny": "digits", "vq_vae_tiny": "digits", "gan_tiny": "digits",
    "dqn": "cartpole", "c51": "cartpole",
}  # fmt: skip

PAIRS = [
    *(f"model={model} {data}" for model in MODELS for data in DATA.values()),
    *(f"task={task} model=mlp_tiny {data}" for task in catalog.options("task") for data in DATA.values()),
    *(f"task={task} model={model} data=digits" for task in catalog.options("task") for model in MODELS),
    *(f"loss={loss} model={model} {DATA[data]}" for loss in catalog.options("loss") for model, data in HOME.items()),
    *(
        f"augmentation={each} model={model} {DATA[data]}"
        for each in ("mixup", "strong")
        for model, data in HOME.items()
    ),
]


def require_told(train: Callable[..., Ran], words: str, files: Path, must_be_refused: bool = False) -> None:
    """Train for a step, and require either finite results or one message of three parts; never a traceback."""
    ran = train(*words.replace("FILES", str(files)).split(), *SMALL)
    said = ran.err.strip().splitlines()[-1] if ran.err.strip() else ""
    if must_be_refused or ran.code != 0:
        assert ran.code in (2, 3) and said.startswith("error: ") and said.count("; ") >= 2, (words, ran)
        assert "Traceback" not in ran.err, (words, ran)
    else:
        assert all(math.isfinite(value) for value in ran.json("results.json")["metrics"].values()), words
    shutil.rmtree(ran.path, ignore_errors=True)  # the next pair is trained in the same place
