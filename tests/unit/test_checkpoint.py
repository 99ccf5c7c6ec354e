"""The checkpoint protocol: whole files, honest refusals, and a network rebuilt from its directory alone."""

from __future__ import annotations

import os
import pickle
import socket
from pathlib import Path

import lightning as L
import pytest
import torch

from netyard import checkpoint
from netyard.errors import CheckpointError, DataError


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
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "best.ckpt").write_bytes(content)
    assert "cannot be read as a checkpoint" in refusal(tmp_path / "best.ckpt")


def test_a_file_of_torch_that_no_run_wrote_is_refused(tmp_path: Path):
    torch.save([torch.ones(3)], tmp_path / "best.ckpt")
    assert "a list that no run wrote" in refusal(tmp_path / "best.ckpt")


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_foreign_objects_are_refused_before_they_are_made(tmp_path: Path, write):
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
    with pytest.raises(CheckpointError, match="does not say what network it is of"):
        checkpoint.load(tmp_path)


def test_saving_leaves_one_whole_file(tmp_path: Path):
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


def test_classes_are_known_by_the_numbers_and_told_by_their_names():
    learned = {"class_names": ["0 - zero", "1 - one"]}
    recorded = {"netyard": {"config": {"data": {"_target_": "netyard.data.torchvision_sets.IdxImages"}}}}
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
    assert plain["model"] == plain["task"]["net"] == {"pretrained": False, "depth": 3}
    assert config["model"]["pretrained"] is True


def test_the_draft_is_named_by_its_process_so_that_two_runs_do_not_share_one(tmp_path: Path, monkeypatch):
    seen: list[str] = []

    def spy(content: object, file: object) -> None:
        seen.extend(each.name for each in tmp_path.iterdir())
        pickle.dump(content, file)

    monkeypatch.setattr(torch, "save", spy)
    checkpoint.WholeFileIO().save_checkpoint({}, tmp_path / "last.ckpt")
    assert seen == [f".last.ckpt.{socket.gethostname()}.{os.getpid()}.tmp"]
