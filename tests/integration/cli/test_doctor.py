"""`netyard doctor`: broken files are found whatever byte of them it is, and what this machine lacks."""

from __future__ import annotations

import json
import os
import random
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch.utils.tensorboard import SummaryWriter

from netyard.cli import environment, main
from netyard.run_directories import manifest
from netyard.run_directories.integrity import event_fault


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("events")
    with SummaryWriter(str(folder)) as board:
        for step in range(20):
            board.add_scalar("train/loss", 1 / (step + 1), step)
    (path,) = folder.iterdir()
    return path.read_bytes()


def test_a_whole_event_file_has_no_fault(events: bytes, tmp_path: Path) -> None:
    for text in (events, b""):
        (tmp_path / "events").write_bytes(text)
        assert event_fault(tmp_path / "events") == ""


def test_an_event_file_is_known_to_be_broken_whatever_byte_it_is(events: bytes, tmp_path: Path) -> None:
    draw = random.Random(0)
    for _ in range(200):
        place = draw.randrange(len(events))
        torn = bytearray(events)
        torn[place] ^= 1 << draw.randrange(8)
        (tmp_path / "events").write_bytes(torn)
        assert "sum" in event_fault(tmp_path / "events")


def test_an_event_file_that_is_cut_off_is_known(events: bytes, tmp_path: Path) -> None:
    ends, place = set(), 0
    while place < len(events):
        place += 16 + int.from_bytes(events[place : place + 8], "little")
        ends.add(place)
    assert place == len(events)
    for length in {*range(1, len(events), 9), *ends, *(end - 1 for end in ends)}:
        (tmp_path / "events").write_bytes(events[:length])
        assert bool(event_fault(tmp_path / "events")) == (length not in ends)


@pytest.fixture
def doctor(copied_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Lay a trained run out in outputs/, and ask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETYARD_OUTPUTS", "outputs")
    copied_run("iris", tmp_path / "outputs" / "run")
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str]:
        code = main.main(["doctor", *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_all_is_well_with_a_run_that_has_just_ended(doctor) -> None:
    code, said = doctor()
    assert code == 0, said
    (last,) = [line for line in said.splitlines() if " broken below " in line]
    assert last.startswith("ok       nothing broken below outputs: 1 run(s), ")
    assert "torch " in said and "ok       cpu: " in said


def torn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()  # it may be a second name of another file
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("events.out.tfevents.*", "has a wrong checksum"),
        ("checkpoints/save-*.ckpt", "its SHA-256 is "),
        ("checkpoints/best.ckpt", "it equals none of the saved"),
        ("checkpoints/last.ckpt", "it equals none of the saved"),
        ("results.json", "results.json cannot be read"),
    ],
)
def test_a_broken_file_is_named(doctor, tmp_path: Path, which: str, words: str) -> None:
    path = sorted((tmp_path / "outputs" / "run").glob(which))[0]
    if which == "results.json":
        path.write_text('{"model": ')
    else:
        torn(path)
    code, said = doctor()
    assert code == 4, said
    (line,) = [line for line in said.splitlines() if line.startswith("broken   outputs")]
    assert words in line and path.name in line


def test_a_checkpoint_that_is_gone_or_short_is_found_by_its_size(doctor, tmp_path: Path) -> None:
    first, second, *_ = manifest.read_all(tmp_path / "outputs" / "run" / "checkpoints")
    (tmp_path / "outputs" / "run" / "checkpoints" / f"{first.name}.ckpt").unlink()
    short = tmp_path / "outputs" / "run" / "checkpoints" / f"{second.name}.ckpt"
    os.truncate(short, second.size - 1)
    code, said = doctor("hashes=false")
    assert code == 4
    assert "it is missing" in said and f"it has {second.size - 1:,} bytes" in said


def test_sizes_alone_do_not_see_a_changed_byte(doctor, tmp_path: Path) -> None:
    torn(sorted((tmp_path / "outputs" / "run").glob("checkpoints/save-*.ckpt"))[-1])
    assert "its SHA-256" in doctor()[1]
    assert "its SHA-256" not in doctor("hashes=false")[1]


def test_a_run_whose_process_is_gone_is_stale_and_no_fault(doctor, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    path = tmp_path / "outputs" / "run" / "status.json"
    status = {**json.loads(path.read_text()), "state": "running", "ended": None, "pid": child}
    path.write_text(json.dumps({**status, "host": socket.gethostname()}))
    code, said = doctor()
    assert code == 0
    assert f"stale    outputs/run: process {child} is gone; continue with python train.py resume=outputs/run" in said


def test_a_place_that_cannot_be_written_to_is_missing(doctor, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NETYARD_DATA", str(tmp_path / "file" / "data"))
    code, said = doctor()
    assert code == 5
    assert "missing  data: nothing can be written to" in said and "try NETYARD_DATA=FOLDER" in said


def test_a_full_disk_and_an_old_library_are_missing(doctor, monkeypatch) -> None:
    version = environment._version
    monkeypatch.setattr(environment, "SCARCE", 1e18)
    monkeypatch.setattr(environment, "_version", lambda name: "1.0" if name == "lightning" else version(name))
    code, said = doctor()
    assert code == 5
    assert "free at outputs; make room" in said
    assert "missing  lightning is 1.0, and <3,>=2.6.6 is needed; pip install 'lightning<3,>=2.6.6'" in said


def test_an_extra_that_is_not_here_has_its_command(doctor, monkeypatch) -> None:
    version = environment._version
    monkeypatch.setattr(environment, "_version", lambda name: None if name == "ale-py" else version(name))
    assert "note     extra atari: ale-py not here; pip install 'netyard[atari]'" in doctor()[1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 4, "nowhere is not there; doctor checks folders with runs"),
        (["hash=false"], 2, "there is no option 'hash'; did you mean 'hashes'? netyard doctor --help"),
        (["hashes=no"], 2, "hashes is 'no'; it is true or false; try hashes=true."),
    ],
)
def test_a_mistake_is_answered_in_three_parts(doctor, arguments: list[str], code: int, words: str) -> None:
    answered, said = doctor(*arguments)
    assert (answered, said.count("\n")) == (code, 1) and words in said


def test_half_of_torch_is_missing(monkeypatch) -> None:
    monkeypatch.setattr(environment, "torch", SimpleNamespace())
    *_, last = environment._devices()
    assert last.kind == "missing" and last.text.startswith("torch cannot be imported: it is incomplete; ")


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sklearn", "missing  sklearn cannot be imported: libgomp.so.1; "),
        (
            "onnxscript",
            "note     extra export: onnxscript cannot be imported: libgomp.so.1; it is of the extra export; ",
        ),
        ("Box2D", "note     extra box2d: Box2D cannot be imported: libgomp.so.1; "),
    ],
)
def test_what_is_there_is_imported(doctor, monkeypatch, module: str, line: str) -> None:
    """A package of an extra, or of an extra of a required package, may be installed and yet not usable."""
    load = environment.importlib.import_module

    def refuse(name: str) -> object:
        if name == module:
            raise ImportError("libgomp.so.1", name=name)
        return load(name)

    monkeypatch.setattr(environment.importlib, "import_module", refuse)
    code, said = doctor()
    assert line in said and code == (5 if line.startswith("missing") else 0)
