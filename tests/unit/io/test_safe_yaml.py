"""YAML that is larger than it looks is refused at once, wherever it comes in; what people write is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.cli import main
from netyard.errors import CheckpointError, ConfigError
from netyard.io import safe_yaml
from netyard.run_directories.directory import RunDir

BOMBS = {
    "aliases of aliases": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, 12)),
    "itself": "a: &a [1, *a]\n",
    "brackets": "a: " + "[" * 5000 + "]" * 5000,
    "braces": "a: " + "{b: " * 5000 + "1" + "}" * 5000,
    "indents": "".join(f"{' ' * depth}a:\n" for depth in range(100)),
    "dashes": "a:\n" + "- " * 3000 + "1",
    "many values": "a: [" + "1," * 60_000 + "1]",
    "many lines": "".join(f"k{n}: 1\n" for n in range(30_000)),
    "one long text": "a: " + "x" * (2 << 20),
    "merged": "a: &a {x: 1}\n"
    + "".join(
        f"b{n}: &b{n} {{<<: *a, k: [*{f'b{n - 1}' if n else 'a'}, *{f'b{n - 1}' if n else 'a'}]}}\n" for n in range(30)
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_yaml_bomb_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[name], encoding="utf-8")
    for kind in (ConfigError, CheckpointError):
        with pytest.raises(kind, match=r"bomb\.yaml .*; a config is written by a person: .*; check who wrote it"):
            safe_yaml.load(path, kind)


@pytest.mark.parametrize("text", ["a: &x [1, 2]\nb: *x\n", "a: {b: [1, {c: d}]}\n", "", "- 'a=[1,2]'\n- b=c\n"])
def test_ordinary_yaml_is_read(text: str, tmp_path: Path) -> None:
    import yaml

    path = tmp_path / "fine.yaml"
    path.write_text(text, encoding="utf-8")
    assert safe_yaml.load(path) == yaml.safe_load(text)


def test_every_yaml_file_of_conf_is_read(tmp_path: Path) -> None:
    from netyard.config.catalog import conf_dir

    assert all(safe_yaml.require(path) for path in conf_dir().rglob("*.yaml"))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_a_folder_of_configs_is_one_message(train, name: str, tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(BOMBS[name], encoding="utf-8")
    ran = train(f"--config-dir={tmp_path / 'conf'}", "model=mine", f"hydra.run.dir={tmp_path / 'run'}")
    assert ran.code == 2 and ran.err.count("error: ") == 1 and "mine.yaml" in ran.err and "Traceback" not in ran.err


def test_interpolations_in_a_circle_are_one_message(train, tmp_path: Path) -> None:
    ran = train(
        "optimizer.lr='${optimizer.eps}'", "optimizer.eps='${optimizer.lr}'", f"hydra.run.dir={tmp_path / 'run'}"
    )
    assert ran.code == 2 and ran.err.count("error: ") == 1 and "Traceback" not in ran.err, ran.err


def test_a_bomb_in_the_directory_of_a_run_is_one_message(
    train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = tmp_path / "run" / ".hydra"
    hidden.mkdir(parents=True)
    for name in ("config", "hydra", "overrides"):
        (hidden / f"{name}.yaml").write_text(BOMBS["aliases of aliases"], encoding="utf-8")
    RunDir(tmp_path / "run").set_state("failed")
    ran = train(f"resume={tmp_path / 'run'}")
    assert ran.code == 4 and "overrides.yaml stands for more than" in ran.err
    assert main.main(["runs", str(tmp_path), "data.batch_size=64"]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err
