"""Continuous text: splits and batches, no leakage from held-out text, and refused files."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.data.text.python_source import PythonSource, source_files
from netyard.data.text.text_file import ContinuousText, TextFile
from netyard.errors import ConfigError, DataError
from support.datasets import build, learned
from support.numbered_text import load, numbered, write_text

Write = Callable[..., Path]
PARTS = ("train", "val", "test")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return partial(write_text, tmp_path)


@pytest.mark.parametrize("tokens", ["characters", "words", "bpe"])
def test_the_text_is_split_in_order(write: Write, tokens: str) -> None:
    data = load(write(numbered()), tokens=tokens, bpe_size=300)
    texts = [data.decode(data.split(part).x) for part in PARTS]
    assert numbered().startswith(texts[0]) and len(texts[0]) == len(data.texts()["train"])
    if tokens != "words":  # a number that training has not seen is no known word
        assert "".join(texts) == numbered()
        train, val, test = map(len, texts)
        assert test == round(0.1 * len(numbered())) and val == round(0.1 * (train + val))
    assert data.facts() == {"vocab_size": len(data.token_lengths())}


def test_batches_are_tokens_and_the_next_tokens(write: Write) -> None:
    data = load(write(numbered()), batch_size=4, sequence_length=16)
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        rows = [""] * 4
        for batch in loader:
            x, y = data.on_after_batch_transfer(batch, 0)
            assert x.shape == y.shape and len(x) == 4 and x.dtype == y.dtype == torch.int64
            known = y != -100
            assert torch.equal(y[:, :-1][known[:, :-1]], x[:, 1:][known[:, :-1]])
            rows = [row + data.decode(tokens) for row, tokens in zip(rows, x, strict=True)]
        assert all(row in numbered() for row in rows)
    assert data.split("val").y[-1] == -100 and (data.split("val").y[:-1] >= 4).all()


def test_evaluation_counts_every_target(write: Write) -> None:
    data = load(write(numbered()), sequence_length=16)
    for part, loader in (("val", data.val_dataloader()), ("test", data.test_dataloader())):
        targets = torch.cat([y[y != -100] for _, y, _ in loader])
        assert torch.equal(targets.sort().values, data.split(part).x[1:].sort().values)


@pytest.mark.parametrize("tokens", ["characters", "words", "bpe"])
def test_the_vocabulary_is_built_from_the_training_split_only(write: Write, tokens: str) -> None:
    text = numbered()
    start = len(text) - round(0.1 * len(text))
    start -= round(0.1 * start)
    strange = ("Ж," * len(text))[: len(text) - start]
    if tokens == "characters":
        strange = strange.replace(",", "Щ")
    before = load(write(text), tokens=tokens, bpe_size=300)
    after = load(write(text[:start] + strange), tokens=tokens, bpe_size=300)
    assert learned(before) == learned(after)
    assert torch.equal(before.split("train").x, after.split("train").x)
    if tokens != "bpe":
        assert (after.split("val").x == 1).all() and (after.split("test").x == 1).all()
        assert after.decode(after.split("val").x[:2]) == "��"


def test_rare_characters_are_unknown(write: Write) -> None:
    data = load(write("Q" + numbered()), min_count=2)
    assert data.split("train").x[0] == 1
    with pytest.raises(DataError, match="contains 'Q', not in the vocabulary"):
        data.encode("Q")


def test_prompts(write: Write) -> None:
    data = load(write(numbered()))
    prompt = data.encode("line 7")
    assert prompt.shape == (6,) and prompt.dtype == torch.int64 and data.decode(prompt) == "line 7"
    assert data.decode([2, *prompt.tolist(), 3, 0, 1]) == "line 7�"
    with pytest.raises(DataError, match="the text is empty"):
        data.encode("")
    with pytest.raises(DataError, match=r"contains 'Z', not in the vocabulary; its .* characters are"):
        data.encode("lineZ")


@pytest.mark.parametrize("tokens", ["characters", "words", "bpe"])
def test_token_lengths_are_in_characters(write: Write, tokens: str) -> None:
    data = load(write("Grüße, 世界 🙂\n" * 50), tokens=tokens, bpe_size=280)
    lengths = data.token_lengths()
    assert lengths.dtype == torch.int64 and lengths.shape == (data.vocab_size,)
    assert int(lengths[data.split("train").x].sum()) == len(data.texts()["train"])


@pytest.mark.parametrize("tokens", ["characters", "words", "bpe"])
def test_a_loaded_vocabulary_needs_no_text(write: Write, tmp_path: Path, tokens: str) -> None:
    data = load(write(numbered()), tokens=tokens, bpe_size=300)
    torch.save(learned(data), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)

    unread = build("text", path=str(tmp_path / "gone.txt"), tokens=tokens)
    assert isinstance(unread, ContinuousText)
    unread.load_state_dict(state)
    assert torch.equal(unread.encode("line goes"), data.encode("line goes"))
    assert unread.decode(unread.encode("line goes")) == "line goes"
    assert torch.equal(unread.token_lengths(), data.token_lengths())

    other = build("text", path=str(write("another line goes here, with $ in it\n" * 20, "other.txt")), tokens=tokens)
    assert isinstance(other, ContinuousText)
    other.load_state_dict(state)
    assert other.facts() == data.facts() and learned(other) == state

    data.load_state_dict(state)  # Lightning does so on resume, after setup
    with pytest.raises(DataError, match="differs from that of the data; the text has changed"):
        load(tmp_path / "other.txt", tokens=tokens).load_state_dict(state)


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (None, {}, r"cannot be read: No such file.*data\.path is a text file.*try data\.path=FILE"),
        (b"", {}, r"contains 0 character\(s\); training, validation and test need 2 each"),
        (b"a", {}, r"contains 1 character\(s\)"),
        (b"\xef\xbb\xbf", {}, r"contains 0 character\(s\)"),
        (bytes(range(256)), {}, "not UTF-8"),
        (b"unquestionably", {"tokens": "words"}, r"the train split of the text has 1 token\(s\).*tokens=characters"),
        (b"some words", {"tokens": "words", "min_count": 9}, r"no words occur 9 times.*try data\.min_count=1"),
    ],
)
def test_refusals(write: Write, tmp_path: Path, content: bytes | None, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "nowhere.txt" if content is None else write(content)
    with pytest.raises(DataError, match=message) as caught:
        load(path, **changes)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 3


def test_several_files_are_read_as_one_text(tmp_path: Path) -> None:
    for number in range(10):
        write_text(tmp_path, numbered()[: 100 + number], f"{number}.txt")
    data = build("text", path=str(tmp_path))
    assert isinstance(data, TextFile)
    texts = data.texts()
    assert [len(texts[part]) for part in PARTS] == [8 * 100 + 28 + 6, 108, 109]
    assert data.sources["train"] == "828 characters of 8 files, 0.txt to 7.txt"
    assert data.sources["test"] == f"109 characters, {tmp_path}/9.txt"
    listed = build("text", path=[f"{tmp_path}/1.txt", f"{tmp_path}/2.txt"])
    keys = {str(each.files_key()) for each in (data, listed, build("text", path=f"{tmp_path}/*.txt"))}
    assert len(keys) == 3
    whole = build("text", path=f"{tmp_path}/1.txt", test_path=f"{tmp_path}/2.txt", val_fraction=0)
    whole.setup()
    assert [whole.has_split(part) for part in PARTS] == [True, False, True] and len(whole.split("test")) == 102


def test_western_text_is_read_and_told(write: Write) -> None:
    path = write("")
    path.write_bytes(("größe " * 50).encode("cp1252"))
    data = load(path)
    assert "größe" in data.decode(data.split("train").x)
    assert data.summary()["remarks"] == ["1 file read as cp1252"]


def test_wrong_settings(write: Write) -> None:
    path = str(write(numbered()))
    for changes, message in (
        ({"val_fraction": 1.0}, r"val_fraction is 1\.0; it must be a number at least 0 and below 1"),
        ({"test_fraction": -0.1}, "test_fraction is -0.1"),
        ({"tokens": "letters"}, "tokens is 'letters'"),
        ({"tokens": "bpe", "bpe_size": 100}, "bpe_size is 100"),
    ):
        with pytest.raises(ConfigError, match=message):
            TextFile(path=path, **changes).setup()


@pytest.mark.parametrize("length", [6, 7, 20, 100])
def test_a_short_text_has_small_batches(write: Write, length: int) -> None:
    data = load(write(numbered()[:length]))
    assert min(len(data.split(part)) for part in PARTS) >= 2
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        batches = list(loader)
        assert len(batches) == len(loader) >= 1
        assert all((y != -100).any() for _, y, _ in batches)


def test_line_ends_and_byte_order_mark_are_normalised(write: Write) -> None:
    data = load(write("\ufeff" + numbered().replace("\n", "\r\n")))
    assert "".join(data.decode(data.split(part).x) for part in PARTS) == numbered()


def test_every_file_of_the_library_is_in_one_split() -> None:
    data = build("python_source", max_characters=60_000)
    assert isinstance(data, PythonSource)
    data.setup()
    files = {part: set(names) for part, names in data.files.items()}
    assert sum(map(len, files.values())) == len(set.union(*files.values()))
    sizes = {part: len(data.split(part)) for part in PARTS}
    assert all(files[part] and sizes[part] > 1000 for part in PARTS) and sum(sizes.values()) < 61_000
    assert 0.75 < sizes["train"] / 60_000 < 0.83

    root = Path(sysconfig.get_path("stdlib"))
    first = (root / data.files["val"][0]).read_text(encoding="utf-8")
    vocabulary = data.vocabularies["text"]
    assert torch.equal(data.split("val").x[: len(first)], torch.tensor(vocabulary.encode(first)))


def test_a_file_is_in_the_same_split_at_every_size() -> None:
    small, large = (PythonSource(max_characters=size, test_fraction=0.1) for size in (40_000, 90_000))
    small.setup()
    large.setup()
    for part in PARTS:
        others = {name for other in PARTS if other != part for name in large.files[other]}
        assert not others & set(small.files[part])
    moved = PythonSource(max_characters=90_000, test_fraction=0.1, split_seed=1)
    moved.setup()
    assert moved.files["test"] == large.files["test"] and moved.files["val"] != large.files["val"]


def test_only_modules_of_the_library_are_read(tmp_path: Path) -> None:
    for name in (
        "b.py",
        "a.py",
        "json/decoder.py",
        "site-packages/torch/nn.py",
        "test/test_a.py",
        "idlelib/idle_test/test_b.py",
        "encodings/cp437.py",
        "pydoc_data/topics.py",
        "_sysconfigdata__linux.py",
        "html/entities.py",
        "json/__pycache__/decoder.py",
        "LICENSE.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("pass\n")
    assert source_files(tmp_path) == ["a.py", "b.py", "json/decoder.py"]
    assert len(source_files(Path(sysconfig.get_path("stdlib")))) > 300


def test_refusals_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="max_characters is 0"):
        PythonSource(max_characters=0)
    with pytest.raises(DataError, match=r"no file of .* is left for the .* split.*try data\.max_characters=1000000"):
        PythonSource(max_characters=10).setup()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DataError, match="the library has 0"):
        PythonSource().setup()
