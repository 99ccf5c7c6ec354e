"""`netyard new`: a project that is whole, and a name that nothing else has."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from netyard import plugins
from netyard.cli import main, new
from netyard.config import catalog, constraints, schema
from netyard.config.compose import compose
from netyard.errors import ConfigError
from netyard.ranges import table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_file_is_whole(place: Path, capsys) -> None:
    assert main.main(["new", "acme_project"]) == 0
    assert "cd acme_project" in capsys.readouterr().out
    files = [path for path in (place / "acme_project").rglob("*") if path.is_file()]
    assert len(files) == len(list(new.TEMPLATES.rglob("*.template"))) >= 10
    assert [path.name for path in place.iterdir()] == ["acme_project"]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "%{" not in text and "NAME" not in path.as_posix() and text.endswith("\n")
        if path.suffix == ".py":
            assert ast.get_docstring(ast.parse(text))
        if path.suffix == ".yaml":
            assert isinstance(yaml.safe_load(text), dict) and text.startswith("# ")
    about = tomllib.loads((place / "acme_project" / "pyproject.toml").read_text(encoding="utf-8"))
    assert about["project"]["entry-points"]["netyard"] == {"acme_project": "acme_project"}
    assert (place / "acme_project" / ".gitignore").is_file()


@pytest.fixture
def written(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The source of a new project ``acme_written``, as if pip had installed it."""
    main.main(["new", "acme_written"])
    source = place / "acme_written" / "src"
    about = source / "acme_written-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_written\nVersion: 0.1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[netyard]\nacme_written = acme_written\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(source))
    assert not plugins.faults()
    yield source
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_written"]:
        del sys.modules[name]


def test_every_option_of_it_composes(written: Path) -> None:
    theirs = [
        (group, name)
        for group in catalog.GROUPS
        for name in catalog.options(group)
        if catalog.owner(group, name) == "acme_written"
    ]
    assert {group for group, _ in theirs} == {"model", "data", "experiment"}
    for group, name in theirs:
        assert name.startswith("acme_written") and catalog.headline(group, name)
        schema.check(*compose([f"{group}={name}"]))


def test_its_ranges_are_those_of_its_constructors(written: Path, capsys) -> None:
    """The template of its ``constraints.json``, where a range of a data module of ours has changed, is written anew:
    ``netyard new``, ``make constraints`` there, and ``%{name}`` in place of the name.
    """
    path = written / "acme_written" / "conf" / table.FILE
    before = path.read_text(encoding="utf-8")
    assert constraints.main(["acme_written"]) == 0 and "the ranges of 2 classes" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("model.width=0", "model.width is 0; it must be a whole number at least 1; try model.width=64."),
        ("model.depth=half", "model.depth is 'half'; it must be a whole number at least 0; "),
        ("data.digits=[0]", "data.digits is [0]; it must be a list of at least 2, "),
        ("data.digits=[0,10]", "data.digits is 10; it must be a whole number at least 0 and at most 9; "),
    ],
)
def test_a_value_outside_its_ranges_is_refused_without_importing_it(written: Path, wrong: str, said: str) -> None:
    cfg, choices = compose(["experiment=acme_written_mixer_digits", wrong])
    with pytest.raises(ConfigError) as refused:
        schema.check(cfg, choices)
    assert str(refused.value).startswith(said)
    assert not [name for name in sys.modules if name.startswith("acme_written")]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-project", ["is not a name for a package", "try netyard new my_project."]),
        ("My Project", ["is not a name", "try netyard new my_project."]),
        ("a/b", ["is not a name", "try netyard new a_b."]),
        ("../up", ["is not a name", "try netyard new up."]),
        ("/etc/x", ["is not a name"]),
        ("", ["is not a name", "try netyard new my_project."]),
        ("3d", ["is not a name"]),
        ("_x", ["is not a name"]),
        ("x_", ["is not a name"]),
        ("möbel", ["is not a name"]),
        ("a\nb", ["is not a name"]),
        ("a" * 300, ["is not a name"]),
        ("class", ["is a keyword of Python", "try netyard new class_project."]),
        ("match", ["is a keyword of Python"]),
        ("torch", ["is installed", "try netyard new torch_project."]),
        ("netyard", ["is installed"]),
        ("hydra_plugins", ["is installed"]),
        ("sklearn", ["a module of that name is installed"]),
        ("scikit_learn", ["a package of that name is installed"]),
        ("json", ["Python's standard library"]),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(place: Path, capsys, name: str, words: list[str]) -> None:
    assert main.main(["new", name]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    for word in words:
        assert word in said.err
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("arguments", [["one", "two"], ["one", "output=x"]])
def test_it_takes_one_name(place: Path, capsys, arguments: list[str]) -> None:
    assert main.main(["new", *arguments]) == 2
    assert "2 names were given" in capsys.readouterr().err and not list(place.iterdir())


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_what_is_there_stays(place: Path, capsys, kind: str) -> None:
    path = place / "acme_there"
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine", encoding="utf-8")
    else:
        path.symlink_to("nowhere")
    assert main.main(["new", "acme_there"]) == 2
    assert "acme_there here already" in capsys.readouterr().err
    assert [each.name for each in place.iterdir()] == ["acme_there"]


def test_nothing_half_written_stays(place: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    write, count = Path.write_text, iter(range(100))

    def full(self: Path, *arguments: object, **named: object) -> int:
        if next(count) == 3:
            raise OSError(28, os.strerror(28))
        return write(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    assert main.main(["new", "acme_full"]) == 5
    assert "the disk is full" in capsys.readouterr().err and list(place.iterdir()) == []


def test_a_template_names_nothing_else() -> None:
    for path in new.TEMPLATES.rglob("*.template"):
        assert {*re.findall(r"%\{(\w+)\}", path.read_text(encoding="utf-8"))} <= {"name", "version"}, path
