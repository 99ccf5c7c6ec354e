"""The checkpoint protocol: whole files, honest refusals, and a network rebuilt from its directory alone."""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from netyard.config.instantiate import build
from netyard.errors import CheckpointError, ConfigError, DataError
from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.tasks.classification import Classification
from netyard.training import checkpoint
from support.run_directories import made_run


class Foreign:
    """Would leave a mark if it were unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def saved(path: Path, **content: object) -> Path:
    torch.save({"state_dict": {"weight": torch.ones(20, 20)}, **content}, path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as refused:
        checkpoint.read(path)
    assert refused.value.exit_code == 4 and str(path) in str(refused.value)
    return str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path):
    assert "there is no checkpoint at" in refusal(tmp_path / "best.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float):
    path = saved(tmp_path / "last.ckpt")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "take the other one of best.ckpt and last.ckpt" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [b"not a checkpoint", b"epoch,step\n0,1\n", b"<html></html>", b"\x80\x02.", b"PK\x03\x04", bytes(1000)],
    ids=["text", "table", "page", "empty pickle", "zip", "zeros"],
)
def test_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "best.ckpt").write_bytes(content)
    assert "cannot be read as a checkpoint" in refusal(tmp_path / "best.ckpt")


def test_a_file_of_torch_that_no_run_wrote_is_refused(tmp_path: Path):
    torch.save([torch.ones(3)], tmp_path / "best.ckpt")
    assert "it holds a list, not a run's state" in refusal(tmp_path / "best.ckpt")


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_foreign_objects_are_refused_before_unpickling(tmp_path: Path, write):
    path, mark = tmp_path / "best.ckpt", tmp_path / "executed"
    write({"state_dict": {}, "extra": Foreign(mark)}, path)
    assert "tensors and plain types only" in refusal(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Foreign(mark)))
    assert mark.exists()  # it would have been


def test_a_checkpoint_of_a_later_netyard_is_refused(tmp_path: Path):
    path = saved(tmp_path / "best.ckpt", netyard={"schema": checkpoint.SCHEMA + 1})
    assert "written by a later netyard" in refusal(path)
    assert checkpoint.read(saved(path, netyard={"schema": checkpoint.SCHEMA}))["netyard"] == {"schema": 1}


def test_a_checkpoint_without_its_config_cannot_rebuild_a_network(tmp_path: Path):
    (tmp_path / "checkpoints").mkdir()
    saved(tmp_path / "checkpoints" / "best.ckpt")
    with pytest.raises(CheckpointError, match="contains no netyard config"):
        checkpoint.load(tmp_path)


def test_saving_leaves_one_complete_file(tmp_path: Path):
    path = tmp_path / "new" / "last.ckpt"
    for value in (1, 2):
        checkpoint.WholeFileIO().save_checkpoint({"value": value}, path)
    assert checkpoint.WholeFileIO().load_checkpoint(path) == {"value": 2}
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


def test_saving_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    checkpoint.WholeFileIO().save_checkpoint({"value": 1}, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        checkpoint.WholeFileIO().save_checkpoint({"weight": torch.ones(1000), "value": lambda: 2}, path)
    assert checkpoint.read(path) == {"value": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_classes_must_have_the_same_names_and_order():
    learned = {"class_names": ["0 - zero", "1 - one"]}
    recorded = {"netyard": {"config": {"data": {"_target_": "netyard.data.images.torchvision_sets.IdxImages"}}}}
    data = L.LightningDataModule()
    checkpoint.require_classes(data, recorded)  # an older run wrote no names down
    recorded["IdxImages"] = learned
    checkpoint.require_classes(data, recorded)  # and some data have none
    for names in (["0", "1"], ["0 - zero", "1 - one"]):
        data.class_names = names
        checkpoint.require_classes(data, recorded)
    for names, number in ((["1", "0"], 0), (["0", "2"], 1), (["0", "1", "2"], 2), (["0"], 1)):
        data.class_names = names
        with pytest.raises(
            DataError, match=f"are {', '.join(names)};.* are 0 - zero, 1 - one, and from number {number}"
        ):
            checkpoint.require_classes(data, recorded)


def test_rebuilding_downloads_nothing():
    config = {"model": {"pretrained": True, "depth": 3}, "task": {"net": {"pretrained": True}, "l1": 0.0}}
    plain = checkpoint.without_pretrained(config)
    assert plain["model"] == plain["task"]["net"] == {"pretrained": None, "depth": 3}
    assert config["model"]["pretrained"] is True


def test_temporary_name_contains_the_process(tmp_path: Path, monkeypatch):
    seen: list[str] = []

    def spy(content: object, file: object) -> None:
        seen.extend(each.name for each in tmp_path.iterdir())
        pickle.dump(content, file)

    monkeypatch.setattr(torch, "save", spy)
    checkpoint.WholeFileIO().save_checkpoint({}, tmp_path / "last.ckpt")
    assert seen == [f".last.ckpt.{socket.gethostname()}.{os.getpid()}.tmp"]


def test_size_and_hash_of_a_save_are_recorded(tmp_path: Path):
    io = checkpoint.WholeFileIO()
    assert io.saved == (0, "")
    io.save_checkpoint({"value": 1}, tmp_path / "last.ckpt")
    content = (tmp_path / "last.ckpt").read_bytes()
    assert io.saved == (len(content), hashlib.sha256(content).hexdigest())


def test_content_read_before_is_returned_once(tmp_path: Path):
    path, other = saved(tmp_path / "last.ckpt", value=1), saved(tmp_path / "best.ckpt", value=2)
    io = checkpoint.WholeFileIO((path, {"value": "found"}))
    assert io.load_checkpoint(str(path)) == {"value": "found"}
    assert io.load_checkpoint(path)["value"] == 1
    assert checkpoint.WholeFileIO((path, {"value": "found"})).load_checkpoint(other)["value"] == 2


def test_disk_error_keeps_its_errno(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(content: object, file: object) -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos") from None

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.WholeFileIO().save_checkpoint({}, tmp_path / "last.ckpt")

    def refuse(content: object, file: object) -> None:
        raise RuntimeError("another thing")

    monkeypatch.setattr(torch, "save", refuse)
    with pytest.raises(RuntimeError, match="another thing"):
        checkpoint.WholeFileIO().save_checkpoint({}, tmp_path / "last.ckpt")


def test_a_checkpoint_is_described_without_its_secrets():
    described = checkpoint.describe({"seed": 1, "logger": {"api_key": "hunter2"}}, {"model": "mlp"})
    assert described.keys() == {"schema", "config", "choices"}
    assert (described["schema"], described["choices"]) == (1, {"model": "mlp"})
    assert described["config"]["seed"] == 1 and "hunter2" not in str(described)


def test_a_byte_of_a_tensor_that_changed_is_found(tmp_path: Path):
    path = saved(tmp_path / "best.ckpt")
    content = bytearray(path.read_bytes())
    place = content.find(torch.ones(20, 20).numpy().tobytes()) + 400
    content[place] ^= 1
    path.write_bytes(content)
    told = refusal(path)
    assert "best/data/0 in it is damaged" in told


def test_a_record_that_is_marked_as_a_folder_is_found(tmp_path: Path):
    path = saved(tmp_path / "best.ckpt")
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\x01\x02") + 38] = 16  # the external attributes of the first record of the list
    path.write_bytes(content)
    assert ": the list of what is in it is damaged;" in refusal(path)


def test_file_with_a_manifest_is_not_checked_twice(tmp_path: Path, monkeypatch):
    path = saved(tmp_path / "save-00001-step-10.ckpt", value=1)
    size, digest = path.stat().st_size, manifest.sha256(path)
    manifest.record(tmp_path, manifest.Manifest(10, 1, 1, size, digest, None), 1)
    monkeypatch.setattr(checkpoint, "require_intact", lambda path: pytest.fail("was looked through"))
    assert checkpoint.find(tmp_path / "last.ckpt")[0] == path


SETTINGS = {
    "_target_": "netyard.tasks.classification.Classification",
    "loss": {"_target_": "netyard.losses.class_weights.CrossEntropyLoss"},
    "optimizer": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1},
    "scheduler": {"_target_": "netyard.optim.schedules.constant", "_partial_": True},
    "num_outputs": 3,
    "l1": 0.0,
}
CHOICES = {"model": "mlp", "data": "digits", "task": "classification"}


def config_of(hidden: int = 4, **settings: object) -> dict[str, Any]:
    model = {
        "_target_": "netyard.models.mlp.MLP",
        "input_shape": [2],
        "num_outputs": 3,
        "hidden_sizes": [hidden],
        "dropout": 0.0,
    }
    data = {"_target_": "netyard.data.tables.scikit.ScikitData", "num_classes": 3}
    return {"model": model, "data": data, "task": {**SETTINGS, "net": model, **settings}}


def written(path: Path, config: dict[str, Any], choices: dict[str, str] = CHOICES) -> dict[str, Any]:
    """A checkpoint of the network of a config."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"state_dict": build(config["task"]).state_dict(), "netyard": checkpoint.describe(config, choices)}
    checkpoint.WholeFileIO().save_checkpoint(content, path)
    return content


def test_a_network_is_rebuilt_from_its_directory_alone(tmp_path: Path):
    weights = written(tmp_path / "checkpoints" / "best.ckpt", config_of())["state_dict"]
    written(tmp_path / "checkpoints" / "last.ckpt", config_of(5))
    task = checkpoint.load(tmp_path)
    assert not task.training and isinstance(task, Classification)
    assert all(torch.equal(value, weights[key]) for key, value in task.state_dict().items())
    assert checkpoint.load(str(tmp_path), "last").net(torch.zeros(1, 2)).shape == (1, 3)


def test_rebuild_accepts_settings_but_not_other_weights(tmp_path: Path):
    path = tmp_path / "best.ckpt"
    content = written(path, config_of())
    assert checkpoint.rebuild(content, path, {"l1": 0.5}).l1 == 0.5
    assert checkpoint.rebuild(content, path).l1 == 0.0
    content["state_dict"] = dict(list(content["state_dict"].items())[1:])
    with pytest.raises(
        ConfigError, match=r"with another task\.l1 and task\.mode the task has other weights: the check"
    ):
        checkpoint.rebuild(content, path, {"l1": 0.5, "mode": "min", "num_outputs": 3})
    with pytest.raises(CheckpointError, match="does not fit the network"):
        checkpoint.rebuild(content, path, {"l1": 0.0})  # which it had


def test_the_weights_of_another_network_are_refused_with_the_first_reason(tmp_path: Path):
    content = written(tmp_path / "best.ckpt", config_of(5))
    with pytest.raises(CheckpointError) as refused:
        checkpoint.restore(build(config_of(4)["task"]), content)
    assert "does not fit the network: size mismatch for net." in str(refused.value)
    assert "model=mlp trained on data=digits" in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(CheckpointError, match=r"Missing key.*model=None trained on data=None"):
        checkpoint.restore(build(config_of(4)["task"]), {"state_dict": {}})


def test_config_with_a_forbidden_target_is_refused(tmp_path: Path):
    config = config_of()
    config["task"] = {**config["task"], "loss": {"_target_": "os.system"}}
    for content in ({"netyard": checkpoint.describe(config, CHOICES)},):
        with pytest.raises(CheckpointError, match=r"in .*best\.ckpt, config\.task\.loss"):
            checkpoint.config_and_choices(content, tmp_path / "best.ckpt")
    with pytest.raises(CheckpointError, match=r"best\.ckpt contains no netyard config"):
        checkpoint.config_and_choices({}, tmp_path / "best.ckpt")
    assert checkpoint.config_and_choices({"netyard": checkpoint.describe(config_of(), CHOICES)}, tmp_path) == (
        config_of(),
        CHOICES,
    )


def test_best_checkpoint_belongs_to_its_run(tmp_path: Path):
    run = RunDir(made_run(tmp_path / "run", None))
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*best\.ckpt: the run is completed;.* resume=.*run\."):
        checkpoint.read_of(run)
    (run.path / "status.json").write_text('{"state": "failed", "error": "a full disk"}')
    with pytest.raises(CheckpointError, match="the run is failed, by a full disk;"):
        checkpoint.read_of(run)
    (run.path / "status.json").write_text("{}")
    with pytest.raises(CheckpointError, match="the run is in an unknown state;"):
        checkpoint.read_of(run)
    config = config_of()
    content = written(run.best, config)
    found, its_config, its_choices = checkpoint.read_of(run)
    assert found.keys() == content.keys() and (its_config, its_choices) == (config, CHOICES)


def test_the_last_checkpoint_of_a_run_can_be_read_instead_of_the_best(tmp_path: Path):
    run = RunDir(made_run(tmp_path / "run", None))
    contents = {which: written(run.checkpoint(which), config_of()) for which in ("best", "last")}
    contents["last"]["epoch"] = 7
    torch.save(contents["last"], run.last)
    assert checkpoint.read_of(run, "last")[0]["epoch"] == 7 and "epoch" not in checkpoint.read_of(run)[0]
    with pytest.raises(ConfigError, match=r"which is 'lst'; a run keeps two checkpoints: .*; try which=best\."):
        checkpoint.read_of(run, "lst")


@pytest.mark.parametrize(
    ("choices", "model", "message"),
    [
        ({"model": "cnn"}, {}, "model is cnn in it, and mlp in the run;"),
        ({"data": "mnist"}, {}, "data is mnist in it, and digits in the run;"),
        ({"task": "regression"}, {}, "task is regression in it, and classification in the run;"),
        ({}, {"dropout": 0.5}, r"model\.dropout is 0\.5 in it, and 0\.0 in the run;"),
        (
            {"model": "cnn", "data": "mnist", "task": "x"},
            {"dropout": 0.5},
            "model is cnn .*, data is mnist .*, task is x in it, and classification in the run;",
        ),
    ],
)
def test_best_checkpoint_of_another_run_is_refused(
    tmp_path: Path, choices: dict[str, str], model: dict[str, Any], message
):
    run, config = RunDir(made_run(tmp_path / "run", None)), config_of()
    config["model"] = {**config["model"], **model}
    written(run.best, config, {**CHOICES, **choices})
    with pytest.raises(CheckpointError, match=rf"best\.ckpt is another run's: {message}"):
        checkpoint.read_of(run)


class Recorder(L.LightningDataModule):
    """Data that write down what was asked of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []

    def prepare_data(self) -> None:
        self.asked.append("prepare_data")

    def setup(self, stage: str) -> None:
        self.asked.append(stage)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.asked.append(state_dict)


def test_state_of_the_data_module_is_restored():
    data, content = Recorder(), {"netyard": {"config": {"data": {"_target_": "netyard.data.text.text_file.Text"}}}}
    checkpoint.restore_data(data, content)
    checkpoint.restore_data(data, {**content, "Text": {"vocabulary": ["a"]}})
    assert data.asked == [{"vocabulary": ["a"]}]


def test_classes_of_the_test_split_are_compared():
    content = {"netyard": {"config": {"data": {"_target_": "a.Data"}}}}
    known = [f"c{number}" for number in range(21)]
    data = Recorder()
    data.class_names = [*known[:20], "other"]
    with pytest.raises(
        DataError, match=r"the data are c0, .*c19, \.\.\.;.* on are c0, .*c19, \.\.\., and from number 20"
    ):
        checkpoint.require_classes(data, {**content, "Data": {"class_names": known}})
    assert data.asked == ["prepare_data", "test"]
    data.class_names = [*known[:19], "other"]
    with pytest.raises(DataError, match=r"c18, other;.*c18, c19, and from number 19 on"):
        checkpoint.require_classes(data, {**content, "Data": {"class_names": known[:20]}})
