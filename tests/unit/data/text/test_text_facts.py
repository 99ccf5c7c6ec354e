"""Facts of texts: the length at which they are cut, and what is said of vocabularies."""

from __future__ import annotations

from typing import Any

import pytest

from netyard.data.text.text_facts import MOST, TextFacts, choose_length, sentences, text_remarks, without_spaces


@pytest.mark.parametrize(
    ("lengths", "length"),
    [
        ([3], 3),
        ([380, 282, 300], 380),
        ([10] * 200 + [20], 20),
        ([10] * 200 + [900], 10),  # one text does not make all others long
        ([10] * 100 + [900] * 100, 900),
        ([5000] * 10, MOST),
        ([0, 0], 1),
    ],
)
def test_the_length_holds_the_training_texts(lengths: list[int], length: int) -> None:
    assert choose_length(lengths)[0] == length


def facts(**changes: Any) -> dict[str, Any]:
    return {"tokens": "words", "vocabulary": 1234, "unknown": {"train": 0.0, "val": 0.0}, **changes}


def test_sentences() -> None:
    cut = TextFacts("sequence_length", 4, "", {"train": [4, 5, 9], "val": [4], "test": [7]})
    assert cut.record(["train", "val"]) == {
        "key": "sequence_length", "length": 4, "longest": {"train": 9, "val": 4}, "cut": {"train": 2, "val": 0},
        "of": {"train": 3, "val": 1},
    }  # fmt: skip
    (said,) = sentences({"text": facts(**cut.record(["train", "val", "test"]))})
    assert said == (
        "a vocabulary of 1,234 words; none unknown; sequence_length 4; texts cut at it: 2 of 3 in train, 1 of 1 in"
        " test; data.sequence_length=9 cuts none of training"
    )
    said, other = sentences({"source": facts(unknown={"train": 0.0, "val": 0.125}), "target": facts()})
    assert said == "source: a vocabulary of 1,234 words; unknown are 0.00% of train, 12.50% of val"
    assert other.startswith("target: ")


def test_a_vocabulary_that_lacks_many_tokens_is_told() -> None:
    assert text_remarks({"text": facts()}) == []
    (said,) = text_remarks({"text": facts(unknown={"train": 0.1, "val": 0.4})})
    assert said.startswith("40% of the words of val are not in the vocabulary") and "data.tokens=bpe" in said
    assert text_remarks({"text": facts(tokens="bpe", unknown={"val": 0.4})}) == []


@pytest.mark.parametrize(
    ("text", "spaceless"),
    [
        ("今天天气很好", True),
        ("วันนี้อากาศดี", True),
        ("これはペンです", True),
        ("한국어 문장", False),
        ("a 今", False),
        ("12", False),
    ],
)
def test_scripts_without_spaces(text: str, spaceless: bool) -> None:
    assert without_spaces([text]) is spaceless
