"""Numbers in words: their English form, and the pairs and splits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netyard.data.text.number_words import NumberWords, in_words
from netyard.errors import ConfigError, DataError
from support.datasets import build, learned

PARTS = ("train", "val", "test")


def made(**changes: object) -> NumberWords:
    data = build("number_words", **{"size": 2000, "max_number": 99_999, **changes})
    assert isinstance(data, NumberWords)
    data.setup()
    return data


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (7, "seven"),
        (10, "ten"),
        (13, "thirteen"),
        (19, "nineteen"),
        (20, "twenty"),
        (21, "twenty-one"),
        (40, "forty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (101, "one hundred one"),
        (110, "one hundred ten"),
        (342, "three hundred forty-two"),
        (1000, "one thousand"),
        (1001, "one thousand one"),
        (2020, "two thousand twenty"),
        (10_000, "ten thousand"),
        (42_105, "forty-two thousand one hundred five"),
        (100_000, "one hundred thousand"),
        (800_015, "eight hundred thousand fifteen"),
        (
            999_999,
            "nine hundred ninety-nine thousand nine hundred ninety-nine",
        ),
    ],
)
def test_english(number: int, words: str) -> None:
    assert in_words(number) == words
    data = NumberWords()
    assert data.vocabularies["target"].decode(data.vocabularies["target"].encode(words, strict=True)) == words


def test_different_numbers_have_different_words() -> None:
    assert len({in_words(number) for number in range(100_000)}) == 100_000


@pytest.mark.parametrize("direction", ["to_words", "to_numerals"])
def test_pairs_translate_each_other(direction: str) -> None:
    data = made(direction=direction)
    seen: list[int] = []
    for part in PARTS:
        split = data.split(part)
        for x, y in zip(split.x, split.y, strict=True):
            source, target = data.decode_source(x), data.decode(y)
            numeral, words = (source, target) if direction == "to_words" else (target, source)
            assert in_words(int(numeral)) == words
            seen.append(int(numeral))
    assert len(seen) == len(set(seen)) == 2000  # distinct, and so the parts are disjoint
    assert min(seen) == 0 and max(seen) <= 99_999
    train, val, test = (len(data.split(part)) for part in PARTS)
    singles = 28  # zero to twenty, thirty, ... ninety
    assert test == round(0.2 * (2000 - singles)) and val == round(0.1 * (2000 - singles - test)) and train > val


@pytest.mark.parametrize("direction", ["to_words", "to_numerals"])
def test_facts_and_batches(direction: str) -> None:
    data = made(direction=direction, batch_size=16)
    sizes = (14, 44) if direction == "to_words" else (44, 14)
    lengths = (5, 10) if direction == "to_words" else (9, 6)  # seventy-seven thousand seven hundred seventy-seven
    names = ("vocab_size", "target_vocab_size", "sequence_length", "target_length")
    assert data.facts() == dict(zip(names, (*sizes, *lengths), strict=True))
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (16, lengths[0]) and y.shape == (16, lengths[1])
    assert x.dtype == y.dtype == torch.int64
    assert int(x.max()) < sizes[0] and int(y.max()) < sizes[1]
    assert len(data.token_lengths()) == sizes[1]


def test_targets_have_one_end_token_before_the_padding() -> None:
    data = made()
    for part in PARTS:
        y = data.split(part).y
        ends = (y == data.end_token).int()
        assert (ends.sum(dim=1) == 1).all() and not (y == data.start_token).any() and not (y == 1).any()
        after = torch.arange(y.shape[1]) > ends.argmax(dim=1)[:, None]
        assert (y[after] == 0).all() and (y[~after] != 0).all()


@pytest.mark.parametrize("direction", ["to_words", "to_numerals"])
def test_held_out_numbers_have_only_known_tokens(direction: str) -> None:
    data = made(direction=direction)
    train = data.split("train")
    for part in ("val", "test"):
        split = data.split(part)
        assert set(split.x.unique().tolist()) <= set(train.x.unique().tolist())
        assert set(split.y.unique().tolist()) <= set(train.y.unique().tolist())


def test_numbers_of_every_length_are_equally_frequent() -> None:
    lengths = (made(max_number=999_999).split("train").x != 0).sum(dim=1).bincount().tolist()
    assert lengths[:2] == [0, 10] and lengths[2] > 40
    assert all(250 < number < 450 for number in lengths[3:])


def test_small_and_complete_sets() -> None:
    data = made(size=101, max_number=100)
    numerals = {data.decode_source(x) for part in PARTS for x in data.split(part).x}
    assert numerals == {str(number) for number in range(101)}


def test_the_run_seed_changes_no_split_and_the_split_seed_only_validation() -> None:
    first, second, third = made(), made(seed=5), made(split_seed=1)
    for part in PARTS:
        assert torch.equal(first.split(part).x, second.split(part).x)
    assert torch.equal(first.split("test").x, third.split("test").x)
    assert not torch.equal(first.split("val").x, third.split("val").x)


def test_texts_of_the_user() -> None:
    data = NumberWords()
    assert data.decode_source(data.encode("42105")) == "42105"
    with pytest.raises(DataError, match=r"contains '-', 'x', not in the vocabulary; its 10 characters are 0 1 2"):
        data.encode("-4x")
    data = NumberWords(direction="to_numerals")
    assert data.decode_source(data.encode("forty-two thousand one hundred five").tolist()) == (
        "forty-two thousand one hundred five"
    )
    with pytest.raises(DataError, match="contains 'million'"):
        data.encode("one million")
    with pytest.raises(DataError, match="the text is empty"):
        data.encode("")


def test_state(tmp_path: Path) -> None:
    torch.save(learned(NumberWords()), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again = NumberWords()
    again.load_state_dict(state)
    assert learned(again) == state and set(state["vocabularies"]) == {"source", "target"}
    with pytest.raises(DataError, match="vocabulary of the checkpoint differs from that of the data"):
        NumberWords(direction="to_numerals").load_state_dict(state)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"direction is 'both'; .*try data\.direction=to_words"):
        NumberWords(direction="both")  # type: ignore[arg-type]
    for changes in ({"size": 3}, {"max_number": 10}, {"max_number": 1_000_000}):
        with pytest.raises(ConfigError, match=r"^(size|max_number) is \d+; it must be a whole number at least 100"):
            NumberWords(**changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"size is 1002 and data\.max_number 1000; .*try data\.size=1001"):
        NumberWords(size=1002, max_number=1000)
