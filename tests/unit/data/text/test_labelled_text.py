"""Labelled texts: tokens, no leakage from held-out texts, and refused files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.data.text.labelled_text import LabelledText
from netyard.errors import ConfigError, DataError
from support.datasets import build, learned

Write = Callable[[str], Path]
PARTS = ("train", "val", "test")


def table(rows: int = 60) -> str:
    lines = ["text,label"]
    for row in range(rows):
        mood = ["good", "bad", "dull"][row % 3]
        lines.append(f'"A {mood} film, {"very " * (row % 4)}number{row}",{["pos", "neg", "neg"][row % 3]}')
    return "\n".join(lines) + "\n"


def load(path: Path, **changes: Any) -> LabelledText:
    data = build("sentiment", path=str(path), **changes)
    assert isinstance(data, LabelledText)
    data.setup()
    return data


def test_facts_and_batches(write_csv: Write) -> None:
    data = load(write_csv(table()), batch_size=8)
    assert data.facts() == {"vocab_size": data.vocab_size, "num_classes": 2, "sequence_length": 8}
    assert data.class_names == ["neg", "pos"] and data.vocab_size == 4 + 7
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (8, 8) and y.shape == (8,) and x.dtype == y.dtype == torch.int64
    assert data.decode(x[0]).startswith("a ") and "film," in data.decode(x[0])


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_padding_is_only_at_the_end(write_csv: Write, tokens: str) -> None:
    data = load(write_csv(table()), tokens=tokens, bpe_size=300)
    for part in PARTS:
        real = data.split(part).x != 0
        lengths = real.sum(dim=1)
        assert (lengths > 0).all()
        assert torch.equal(real, torch.arange(real.shape[1]) < lengths[:, None])
    assert max(int((data.split(part).x != 0).sum(dim=1).max()) for part in PARTS) == data.sequence_length


def test_labels_belong_to_their_texts_and_splits_are_stratified(write_csv: Write) -> None:
    data = load(write_csv(table()), min_count=1)
    for part in PARTS:
        for x, y in zip(data.split(part).x, data.split(part).y, strict=True):
            assert ("good" in data.decode(x)) == (y == 1)
    assert [data.split(part).y.bincount().tolist() for part in PARTS] == [[29, 14], [3, 2], [8, 4]]
    texts = [data.decode(x) for x in data.split("train").x]
    assert len(texts) == len(set(texts)) == 43


def test_the_vocabulary_is_built_from_the_training_split_only(write_csv: Write) -> None:
    """Change every held-out text: the training split stays the same."""
    path = write_csv(table())
    before = load(path, min_count=1)
    trained = set(map(before.decode, before.split("train").x))
    lines = path.read_text().splitlines()
    changed = 0
    for number, line in enumerate(lines[1:], start=1):
        text, label = line[1:].split('",')
        if text.lower() not in trained:
            lines[number] = f"Ж {'щ ' * 50},{label}"
            changed += 1
    assert changed == 17
    path.write_text("\n".join(lines), encoding="utf-8")
    after = load(path, min_count=1)
    assert learned(before) == learned(after)
    width = before.split("train").x.shape[1]
    assert torch.equal(before.split("train").x, after.split("train").x[:, :width])
    assert (after.split("test").x[:, :51] == 1).all()


def test_long_texts_are_truncated(write_csv: Write) -> None:
    data = load(write_csv(table()), sequence_length=3)
    assert data.split("train").x.shape == (43, 3) and data.facts()["sequence_length"] == 3
    assert len(data.encode("a good film, very very very")) == 3


def test_capitals(write_csv: Write) -> None:
    data = load(write_csv(table()))
    assert torch.equal(data.encode("A GOOD Film"), data.encode("a good film"))
    data = load(write_csv(table()), lowercase=False)
    assert data.decode(data.encode("A good film")) == "A good film"
    with pytest.raises(DataError, match="contains 'GOOD', not in the vocabulary"):
        data.encode("A GOOD film")


def test_rare_words_are_unknown_to_training(write_csv: Write) -> None:
    data = load(write_csv(table()))  # each text ends with a word of its own
    train = data.split("train").x
    assert ((train == 1).sum(dim=1) == 1).all()


def test_unknown_words_in_a_text(write_csv: Write) -> None:
    data = load(write_csv(table()))
    with pytest.raises(DataError, match=r"contains 'book', not in the vocabulary; its 7 words are .*film"):
        data.encode("a good book")
    with pytest.raises(DataError, match="the text is empty"):
        data.encode("")


def test_a_loaded_vocabulary_is_used(write_csv: Write, tmp_path: Path) -> None:
    data = load(write_csv(table()))
    torch.save(learned(data), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    unread = build("sentiment", path="nowhere.csv")
    assert isinstance(unread, LabelledText)
    unread.load_state_dict(state)
    assert torch.equal(unread.encode("A bad film"), data.encode("A bad film"))
    path = write_csv(table().replace("film", "book"))
    other = build("sentiment", path=str(path))
    assert isinstance(other, LabelledText)
    other.load_state_dict(state)
    assert other.facts() == data.facts() and learned(other) == state
    with pytest.raises(DataError, match="the text has changed"):
        load(path).load_state_dict(state)


def test_columns_of_other_names(write_csv: Write) -> None:
    path = write_csv(table().replace("text,label", "review,mood"))
    assert load(path, text_column="review", label_column="mood").class_names == ["neg", "pos"]


def test_evaluation_batches_have_a_limited_number_of_tokens(write_csv: Write) -> None:
    data = load(write_csv(table()))
    assert data.evaluation_batch_size() == 1024
    data.sequence_length = 2048
    assert data.evaluation_batch_size() == 32
    assert load(write_csv(table()), eval_batch_size=5).evaluation_batch_size() == 5


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (None, {}, "cannot be read: No such file"),
        ("", {}, "has no rows"),
        (
            table(),
            {"text_column": "review"},
            r"no column 'review'; it has text, label; try data\.text_column=",
        ),
        (table(), {"label_column": "mood"}, r"no column 'mood'; it has text, label; try data\.label_column="),
        ("text,label\ngood,1\n  ,0\n", {}, r"column 'text', line 3 of .* is empty; every sample"),
        ("text,label\ngood,1\nbad,\n", {}, r"column 'label', line 3 of .* is empty"),
        ("text,label\ngood,1\nfine,1\n", {}, r"contains only one class, '1'.*another data\.label_column"),
        (table(), {"num_classes": 3}, r"contains 2 classes; data\.num_classes is 3"),
        ("text,label\na b,1\nc d,0\ne f,1\ng h,0\n", {}, r"no words occur 2 times.*data\.min_count=1"),
        ("text,label\ngood,1\nbad,0\n", {}, r"1 sample\(s\)"),
        ("text,label\n" + "long " * 30_000 + ",1\n", {}, "is not a valid CSV file: field larger than field limit"),
    ],
)
def test_refusals(write_csv: Write, tmp_path: Path, text: str | None, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "nowhere.csv" if text is None else write_csv(text)
    with pytest.raises(DataError, match=message) as caught:
        load(path, **changes)
    assert "\n" not in str(caught.value) and caught.value.exit_code == 3


def test_wrong_settings() -> None:
    with pytest.raises(ConfigError, match="sequence_length is 0"):
        LabelledText(path="x.csv", sequence_length=0)


def test_a_test_file_of_its_own_is_read_by_the_vocabulary_of_training(write_csv: Write, tmp_path: Path) -> None:
    path, other = write_csv(table()), tmp_path / "other.csv"
    other.write_text("text,label\na bad film with unheard words,neg\n")
    data = build("sentiment", path=str(path), test_path=str(other))
    alone = build("sentiment", path=str(path), test_fraction=0)
    data.setup(), alone.setup()
    assert torch.equal(data.split("train").x, alone.split("train").x) and len(data.split("test")) == 1
    assert data.split("test").x.shape[1] == data.split("train").x.shape[1]
    other.write_text("text,label\na dull film,dull\n")
    with pytest.raises(DataError, match=r"the class 'dull', which .* does not have; classes are neg, pos"):
        build("sentiment", path=str(path), test_path=str(other)).setup()


def test_the_length_is_that_of_the_training_texts_and_what_is_cut_is_told(write_csv: Write) -> None:
    path = write_csv(table())
    data = load(path, min_count=1)
    told = data.summary()["texts"]["text"]
    assert data.sequence_length == told["length"] == max(told["longest"]["train"], 1) and told["cut"]["train"] == 0
    assert told["tokens"] == "words" and told["vocabulary"] == len(data.vocabularies["text"].tokens)
    assert told["unknown"]["train"] == 0 and told["unknown"]["test"] > 0
    told = load(path, min_count=1, sequence_length=5).summary()["texts"]["text"]
    assert sum(told["cut"].values()) == sum(len(text.split()) > 4 for text in path.read_text().splitlines()[1:])
    assert "data.sequence_length=8 cuts none of training" in told["sentence"]


def test_empty_texts_to_predict_keep_their_places(write_csv: Write, tmp_path: Path) -> None:
    data = load(write_csv(table()))
    (tmp_path / "in.txt").write_text("a good film\n\n  \na good film\n\n")
    inputs = data.inputs(str(tmp_path / "in.txt"))
    (batch,) = inputs.batches
    assert (inputs.total, list(batch.names), batch.empty) == (5, [0, 1, 2, 3, 4], [1, 2, 4])
    assert torch.equal(batch.x[0], batch.x[3]) and batch.x[1, 0] == 1 and batch.x.shape[1] == data.sequence_length
    (batch,) = data.text_inputs(["a bad film", ""]).batches
    assert batch.empty == [1]


def test_a_column_to_predict_is_named(write_csv: Write, tmp_path: Path) -> None:
    data, other = load(write_csv(table())), tmp_path / "other.csv"
    other.write_text('id,words\n1,a good film\n2,\n3,"a bad, dull film"\n')
    (batch,) = data.inputs(str(other), column="words").batches
    assert list(batch.names) == [0, 1, 2] and batch.empty == [1]
    with pytest.raises(DataError, match=r"has no column 'text'; it has id, words; try column=words"):
        data.inputs(str(other))
    other.write_text('words\na good film\n""\n')
    assert data.inputs(str(other)).total == 2
    other.write_text("\n \n")
    with pytest.raises(DataError, match="contains no"):
        data.inputs(str(other.rename(tmp_path / "other.txt")))


def test_parts_in_folders(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("test", 5)):
        for mood in ("bad", "good"):
            (tmp_path / part / mood).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / mood / f"{number}.txt").write_text(f"a {mood} film")
    data = build("labelled_text", path=str(tmp_path))
    data.setup()
    assert [len(data.split(part)) for part in PARTS] == [36, 4, 10] and data.class_names == ["bad", "good"]
    assert data.sources["test"] == str(tmp_path / "test")
    with pytest.raises(ConfigError, match=r"data\.test_path is given, and .* has a folder for that part"):
        build("labelled_text", path=str(tmp_path), test_path=str(tmp_path / "test")).setup()
