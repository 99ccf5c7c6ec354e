"""``netyard generate``: text, translations and images, and the messages for wrong options."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.cli import main
from support.finished_runs import EPOCH, RUNS
from support.user_files import SONG


def generated(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.main(["generate", *arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_language_model_continues_a_prompt(finished, capsys, tmp_path: Path) -> None:
    where = f"run={finished('song')}"
    text = generated(capsys, where, "prompt=row, row", "temperature=0", "length=30").removesuffix("\n")
    assert len(text) == len("row, row") + 30
    assert text in SONG * 3, "what it learned by heart, the likeliest each time"
    drawn = ("temperature=1.5", "length=60")
    assert generated(capsys, where, *drawn, "seed=1") == generated(capsys, where, *drawn, "seed=1")
    assert generated(capsys, where, *drawn, "seed=1") != generated(capsys, where, *drawn, "seed=2")
    said = generated(capsys, where, "top_k=1", f"output={tmp_path / 'made.txt'}")
    assert (tmp_path / "made.txt").read_text(encoding="utf-8") == said


def test_neither_data_nor_the_working_directory_is_needed(train, capsys, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "song.txt").write_text(SONG * 60, encoding="utf-8")
    words = [text.replace("FILES", str(tmp_path)) for text in RUNS["song"]]
    ran = train(*words, "debug=smoke", "trainer.max_epochs=1", "logger=none")
    assert ran.code == 0, ran.err
    (tmp_path / "song.txt").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert generated(capsys, f"run={ran.path}", "prompt=gently").startswith("gently")


def test_a_translation_is_generated(finished, capsys) -> None:
    greedy = generated(capsys, f"run={finished('translation')}", "prompt=40")
    assert set(greedy.split()) and not set(greedy) & set("0123456789")
    assert generated(capsys, f"run={finished('translation')}", "prompt=40", "beam_size=3")


def test_images_are_written_as_a_grid_a_folder_or_a_tensor(copied_run, capsys, tmp_path: Path) -> None:
    run = copied_run("adversarial")
    where = f"run={run}"
    said = generated(capsys, where)
    assert f"64 picture(s) in {run / 'pictures' / 'generated.png'}" in said
    with Image.open(run / "pictures" / "generated.png") as file:
        assert file.width == file.height > 8 * 64
    generated(capsys, where, "count=3", f"output={tmp_path / 'each'}")
    assert sorted(path.name for path in (tmp_path / "each").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    drawn = []
    for number, seed in enumerate((1, 1, 2)):
        generated(capsys, where, "count=5", f"seed={seed}", f"output={tmp_path / f'{number}.pt'}")
        drawn.append(torch.load(tmp_path / f"{number}.pt", weights_only=True))
    assert drawn[0].shape == (5, 1, 8, 8) and 0 <= drawn[0].min() <= drawn[0].max() <= 1
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_pictures_of_one_class(finished, capsys, tmp_path: Path) -> None:
    where = f"run={finished('conditional')}"
    drawn = []
    for label in (3, 4):
        generated(capsys, where, "count=2", f"class={label}", f"output={tmp_path / 'x.pt'}")
        drawn.append(torch.load(tmp_path / "x.pt", weights_only=True))
    assert not torch.equal(*drawn), "the same noise, told another class"
    assert main.main(["generate", where, "class=10"]) == 2
    assert "10" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["gan_tiny", "vae_tiny"])
def test_rows_of_a_table_are_made_in_its_own_words(train, capsys, tmp_path: Path, model: str) -> None:
    table = tmp_path / "people.csv"
    lines = [f"{20 + n % 50},{1.5 * n % 7},{('red', 'blue', 'green')[n % 3]}" for n in range(90)]
    table.write_text("\n".join(["age,height,colour", *lines]), encoding="utf-8")
    ran = train(f"model={model}", "data=csv", f"data.path={table}", "data.target=null", *EPOCH[:2])
    assert ran.code == 0, ran.err
    scores = ran.json("results.json")["metrics"]
    assert {"val/frechet_distance", "test/frechet_distance", "test/recall"} <= scores.keys()
    shown = (ran.path / "texts" / "val_samples.csv").read_text(encoding="utf-8").splitlines()
    assert shown[0] == "age,height,colour" and len(shown) == 11

    where, made = f"run={ran.path}", tmp_path / "made.csv"
    assert "7 row(s)" in generated(capsys, where, "count=7", f"output={made}")
    rows = [line.split(",") for line in made.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["age", "height", "colour"] and len(rows) == 8
    assert all(age.lstrip("-").isdigit() and colour in ("red", "blue", "green") for age, _, colour in rows[1:])
    # They can be read as the rows of the file are, and are others for another seed.
    assert main.main(["evaluate", where, f"data.path={made}"]) == 0, capsys.readouterr().err
    again, other = tmp_path / "again.csv", tmp_path / "other.csv"
    generated(capsys, where, "count=7", f"output={again}")
    generated(capsys, where, "count=7", "seed=1", f"output={other}")
    assert again.read_text() == made.read_text() != other.read_text()
    capsys.readouterr()
    assert main.main(["export", where, "format=onnx", *["part=decoder"] * (model == "vae_tiny")]) == 0


@pytest.mark.parametrize(
    ("run", "options", "code", "words"),
    [
        ("song", ["prompt=Row!"], 3, ["'R', '!'", "not in the vocabulary"]),
        ("song", ["temperature=hot"], 2, ["temperature is 'hot'", "must be a number"]),
        ("song", ["temperature=-1"], 2, ["temperature is -1.0", "at least 0"]),
        ("song", ["top_k=many"], 2, ["top_k is 'many'", "whole number"]),
        ("song", ["length=0"], 2, ["length is 0"]),
        ("song", ["beam_size=2"], 2, ["no option 'beam_size'", "prompt, temperature, top_k, length, seed"]),
        ("translation", [], 2, ["prompt was not given", "type prompt=..."]),
        ("translation", ["prompt=forty"], 3, ["'f'", "not in the vocabulary"]),
        ("translation", ["prompt=40", "beam_size=0"], 2, ["beam_size is 0"]),
        ("classification", [], 2, ["task=classification, which makes no samples", "model=lstm data=python_source"]),
        ("nowhere", [], 4, ["nowhere is not a run directory"]),
    ],
)
def test_a_mistake_is_answered(finished, capsys, run: str, options: list[str], code: int, words: list[str]) -> None:
    assert main.main(["generate", f"run={finished(run) if run in RUNS else run}", *options]) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said
    for word in words:
        assert word in said


def test_evaluation_reads_another_text_with_the_vocabulary_of_the_run(finished, capsys, tmp_path: Path) -> None:
    where = f"run={finished('song')}"
    assert main.main(["evaluate", where]) == 0
    at_home = capsys.readouterr().out
    (tmp_path / "other.txt").write_text("The boat goes down, slowly: row!\n" * 60, encoding="utf-8")
    assert main.main(["evaluate", where, f"data.path={tmp_path / 'other.txt'}"]) == 0
    assert (
        main.main(
            [
                "evaluate",
                where,
                "data=text",
                f"data.path={finished.files / 'song.txt'}",
                "data.batch_size=4",
                "data.sequence_length=16",
            ]
        )
        == 0
    )
    again = capsys.readouterr().out.split("metric")[-1]

    def perplexity(table: str) -> str:
        return next(line for line in table.splitlines() if "test/perplexity" in line)

    assert perplexity(again) == perplexity(at_home)


@pytest.mark.parametrize(("run", "tag", "shown"), [("song", "text", 6), ("translation", "translations", 1)])
def test_the_dashboard_shows_samples_during_training(finished, run: str, tag: str, shown: int) -> None:
    events = EventAccumulator(str(finished(run))).Reload()
    assert len(events.Tensors(f"val/{tag}/text_summary")) == shown
    assert len(events.Tensors(f"test/{tag}/text_summary")) == 1
    text = events.Tensors(f"test/{tag}/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text.startswith("    " if run == "song" else "| source | true | predicted |")
