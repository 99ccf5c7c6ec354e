"""Files for services around the repository say what the project says: workflows, container, citation, hooks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from netyard.io.version import __version__

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT, MAKEFILE = ((ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "Makefile"))
PYTHONS = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)


def content(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps_of(name: str) -> list[dict[str, Any]]:
    jobs = content(ROOT / ".github" / "workflows" / f"{name}.yml")["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_what_there_is(path: Path) -> None:
    for name, job in content(path)["jobs"].items():
        assert job["timeout-minutes"] <= 60, name
        assert {*([job["needs"]] if "needs" in job else [])} <= {*content(path)["jobs"]}
        for step in job["steps"]:
            # Of other people's actions a version is named.
            assert "run" in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
            for target in re.findall(r"\bmake (\w+)", step.get("run", "")):
                assert re.search(rf"^{target}:.*  ## ", MAKEFILE, re.MULTILINE)
            for file in re.findall(r"(?<![\w/])\.ci/\w+", step.get("run", "")):
                assert (ROOT / file).is_file()


def test_the_oldest_and_the_newest_python_are_tried() -> None:
    for name, job in (("test", "versions"), ("release", "try")):
        matrix = content(ROOT / ".github" / "workflows" / f"{name}.yml")["jobs"][job]["strategy"]["matrix"]
        tried = matrix.get("python") or [each["python"] for each in matrix["include"]]
        assert tried == [PYTHONS[0], PYTHONS[-1]]
    assert f'requires-python = ">={PYTHONS[0]}"' in PROJECT


def test_a_release_has_the_version_of_its_tag() -> None:
    (check,) = (step for step in steps_of("release") if step.get("name") == "The tag is the version")
    pattern = re.search(r'-qx "(.*)" pyproject', check["run"])
    assert pattern is not None
    wanted = pattern[1].replace("\\", "").replace("${GITHUB_REF_NAME#v}", __version__)
    assert wanted in PROJECT.splitlines()


def test_hooks_run_what_make_check_runs() -> None:
    (source,) = content(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = {hook["id"]: hook["entry"] for hook in source["hooks"]}
    assert source["repo"] == "local", "there is one version of each tool, that of .venv"
    check = MAKEFILE[MAKEFILE.index("\ncheck:") : MAKEFILE.index("\ncampaign:")]
    for tool in ("ruff format", "ruff check", "mypy"):
        assert f"$(BIN)/{tool}" in check
        assert any(entry.startswith(f".venv/bin/{tool}") for entry in entries.values())


def test_the_container_runs_the_two_commands() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "RUN make setup" in lines and 'CMD ["make", "train"]' in lines
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert all((ROOT / name).exists() for name in copied)
    # What the build of the package reads is there before it is installed.
    assert {"pyproject.toml", "constraints.txt", "hatch_build.py", "docs", "conf", "src"} <= copied
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ".venv" in ignored and not {*ignored} & copied
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"


def test_the_citation_is_of_this_version() -> None:
    cited = content(ROOT / "CITATION.cff")
    assert cited["version"] == __version__ and f'license = "{cited["license"]}"' in PROJECT
    assert f'authors = [{{ name = "{cited["authors"][0]["name"]}" }}]' in PROJECT


def test_forms_for_issues_ask_for_the_command_and_the_machine() -> None:
    forms = {path.stem: content(path) for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")}
    asked = {field["id"] for field in forms["bug"]["body"]}
    assert {"command", "output", "doctor"} <= asked
    assert all({"name", "description", "body"} <= {*form} for name, form in forms.items() if name != "config")
