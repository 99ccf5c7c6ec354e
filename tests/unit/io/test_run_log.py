"""What a run says: ours on the console, everything in train.log, and all put back afterwards."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from netyard.io import run_log


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    run_log.stop()


def written(path: Path) -> str:
    return (path / "train.log").read_text(encoding="utf-8")


def test_console_gets_own_messages_and_the_file_all_messages(tmp_path: Path, capsys):
    run_log.start(tmp_path)
    logging.getLogger("netyard.training.fit").info("epoch %d", 3)
    logging.getLogger("netyard.training.fit").warning("a narrow place")
    logging.getLogger("some_library.part").warning("a library's remark")  # one that has no handlers of its own
    said = capsys.readouterr()
    assert said.out == "epoch 3\n" and said.err == "a narrow place\n"
    assert all(
        text in written(tmp_path) for text in ("netyard.training.fit: epoch 3", "a narrow place", "a library's remark")
    )


def test_warnings_go_to_the_file_only(tmp_path: Path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        run_log.start(tmp_path)
        warnings.warn("this API is old", UserWarning, stacklevel=1)
        run_log.stop()
    said = capsys.readouterr()
    assert "this API is old" not in said.out + said.err
    assert "UserWarning: this API is old" in written(tmp_path)


def test_a_traceback_goes_to_the_file_only(tmp_path: Path, capsys):
    run_log.start(tmp_path)
    try:
        raise RuntimeError("inside")
    except RuntimeError as error:
        run_log.log.debug("the run ended with an error", exc_info=error)
    said = capsys.readouterr()
    assert said.out == said.err == ""
    assert "Traceback (most recent call last)" in written(tmp_path) and "RuntimeError: inside" in written(tmp_path)


def test_loggers_of_libraries_are_redirected(tmp_path: Path, capsys):
    library = logging.getLogger("loud_library.part")
    library.addHandler(logging.StreamHandler())
    library.propagate = False
    run_log.start(tmp_path)
    handlers = list(library.handlers)
    with run_log.redirect_loggers("loud_library"):
        library.warning("look at me")
    assert library.handlers == handlers and not library.propagate, "as it was"
    said = capsys.readouterr()
    assert "look at me" not in said.out + said.err
    assert "look at me" in written(tmp_path)


def test_handlers_and_warnings_are_restored(tmp_path: Path):
    root, mine = logging.getLogger(), logging.NullHandler()
    root.addHandler(mine)
    try:
        before, show = list(root.handlers), warnings.showwarning
        run_log.start(tmp_path)
        assert mine not in root.handlers and warnings.showwarning is not show
        run_log.stop()
        assert root.handlers == before and warnings.showwarning is show
        run_log.stop()
        assert root.handlers == before
    finally:
        root.removeHandler(mine)


def test_each_job_of_a_sweep_has_its_own_log_file(tmp_path: Path):
    before = list(logging.getLogger().handlers)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run_log.start(tmp_path / name)
        run_log.log.info("job %s", name)
    run_log.stop()
    assert logging.getLogger().handlers == before
    assert "job a" in written(tmp_path / "a") and "job b" not in written(tmp_path / "a")
    assert "job b" in written(tmp_path / "b") and "job a" not in written(tmp_path / "b")


def test_without_a_directory_only_the_console_is_used(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    run_log.start(None)
    run_log.log.info("testing")
    assert capsys.readouterr().out == "testing\n"
    assert not list(tmp_path.iterdir())


def test_other_ranks_are_silent(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    run_log.start(tmp_path)
    run_log.log.warning("from rank 1")
    said = capsys.readouterr()
    assert said.out == said.err == "" and not list(tmp_path.iterdir())


def test_handlers_that_a_block_adds_are_closed_and_gone_after_it(tmp_path: Path) -> None:
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    with run_log.restore_handlers():
        added = logging.FileHandler(tmp_path / "job.log")
        root.handlers[:] = [added]
        root.setLevel(logging.DEBUG)
    assert (root.handlers, root.level) == (handlers, level) and added.stream is None
