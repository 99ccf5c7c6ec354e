"""Parallel texts of the user: files, splits without common sources, and lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.data.text.pair_rows import read_pairs
from netyard.data.text.pairs import SentencePairs
from netyard.errors import DataError
from support.datasets import build, learned

PARTS = ("train", "val", "test")


def table(rows: int = 60) -> str:
    return "".join(
        f"{'very ' * (row % 4)}good {row // 2}\t{'sehr ' * (row % 4)}gut {row // 2}\n" for row in range(rows)
    )


def load(path: Path, **changes: Any) -> SentencePairs:
    data = build("pairs", path=str(path), **changes)
    assert isinstance(data, SentencePairs)
    data.setup()
    return data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "pairs.tsv").write_text(table())
    return tmp_path / "pairs.tsv"


def test_pairs_belong_together_and_targets_end(path: Path) -> None:
    data = load(path)
    for part in PARTS:
        split = data.split(part)
        for x, y in zip(split.x, split.y, strict=True):
            source, target = data.decode_source(x).split(), data.decode(y).split()
            assert len(source) == len(target) and (y == 3).sum() == 1
    assert data.facts()["sequence_length"] == 5 and data.facts()["target_length"] == 6
    assert sum(len(data.split(part)) for part in PARTS) == 60


def test_a_source_is_in_one_split(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("".join(f"word {row % 20}\tWort {row}\n" for row in range(100)))
    data = load(tmp_path / "p.tsv", tokens="bpe", bpe_size=300, sequence_length=20)
    seen = [{data.decode_source(x) for x in data.split(part).x} for part in PARTS]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert "80 pairs have the source of another one" in data.summary()["remarks"][0]


def test_cut_targets_have_no_end_and_are_told(path: Path) -> None:
    data = load(path, target_length=3)
    assert data.split("train").y.shape[1] == 3
    assert data.summary()["texts"]["target"]["cut"]["train"] == int((data.split("train").y != 3).all(dim=1).sum()) > 0


def test_a_checkpoint_has_both_vocabularies(path: Path, tmp_path: Path) -> None:
    data = load(path)
    torch.save(learned(data), tmp_path / "state.pt")
    unread = build("pairs", path="nowhere.tsv", **{key: getattr(data, key) for key in ("sequence_length",)})
    assert isinstance(unread, SentencePairs)
    unread.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    (tmp_path / "in.txt").write_text("very good 1\n\n")
    (batch,) = unread.inputs(str(tmp_path / "in.txt")).batches
    assert data.decode_source(batch.x[0]) == "very good 1" and batch.empty == [1]


@pytest.mark.parametrize(
    ("content", "changes", "pairs"),
    [
        ('"Oh," he said.\t"Oh", sagte er.\n"a\t"b\n', {}, [('"Oh," he said.', '"Oh", sagte er.'), ('"a', '"b')]),
        ("en\tde\na\tb\n", {}, [("a", "b")]),
        ("a\tb\tlicence\n\nc\td\tlicence\n", {}, [("a", "b"), ("c", "d")]),
        ("id\tde\ten\n1\tb\ta\n", {"source": "en", "target": "de"}, [("a", "b")]),
        ("a\tb\nc\t\nd\te\n", {}, [("a", "b"), ("d", "e")]),
        ('"say ""yes"""\tja\nx\ty\n', {}, [('say "yes"', "ja"), ("x", "y")]),
    ],
)
def test_files_with_tabs(tmp_path: Path, content: str, changes: dict[str, str], pairs: list[tuple[str, str]]) -> None:
    (tmp_path / "p.tsv").write_text(content)
    found = read_pairs(tmp_path / "p.tsv", **changes)
    assert [*zip(found.sources, found.targets, strict=True)] == pairs


def test_csv_files_and_two_files(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('source,target\n"a, b",c\n')
    assert read_pairs(tmp_path / "p.csv").sources == ["a, b"]
    (tmp_path / "q.csv").write_text("hello there,hallo\nbye,adieu\n")
    assert read_pairs(tmp_path / "q.csv").targets == ["hallo", "adieu"]
    (tmp_path / "r.csv").write_text("no,fr,en\n1,b,a\n")
    swapped = read_pairs(tmp_path / "r.csv", source="en", target="fr")
    assert (swapped.sources, swapped.targets) == (["a"], ["b"])
    (tmp_path / "a.en").write_text("a\nb\n")
    (tmp_path / "a.de").write_text("c\nd\n")
    assert read_pairs(tmp_path / "a.en", tmp_path / "a.de").targets == ["c", "d"]
    (tmp_path / "a.de").write_text("c\n")
    with pytest.raises(DataError, match=r"a\.en has 2 lines, and .*a\.de has 1"):
        read_pairs(tmp_path / "a.en", tmp_path / "a.de")


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        ("", {}, "has no pairs"),
        ("one\ntwo\n", {}, r"line 1 of .* has no tab; .*data\.target_path=FILE"),
        ("a\tb\n", {"source": "en"}, r"has no column 'en'; its first line has a, b; try data\.source=a"),
        ("\t\n", {}, "has no pairs"),
    ],
)
def test_refusals(tmp_path: Path, content: str, changes: dict[str, str], message: str) -> None:
    (tmp_path / "p.tsv").write_text(content)
    with pytest.raises(DataError, match=message):
        read_pairs(tmp_path / "p.tsv", **changes)
