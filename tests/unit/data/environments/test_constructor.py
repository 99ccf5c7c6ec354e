"""Ids and options of environments that users wrote: found, checked by name, and answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from netyard.config import allowlist
from netyard.config.compose import compose
from netyard.data.environments import create
from netyard.data.environments.experience import Experience
from netyard.errors import ConfigError, DataError, ForeignCodeError, NetyardError

CODE = """
import gymnasium
from gymnasium import spaces

class Room(gymnasium.Env):
    observation_space, action_space = spaces.Box(0, 1, (2,)), spaces.Discrete(2)
    def __init__(self, size=6, dark=False): self.size = size
    def reset(self, *, seed=None, options=None): return self.observation_space.sample(), {}
    def step(self, action): return self.observation_space.sample(), 1.0, self.size - 1 > 4, False, {}

class Cave(Room):
    def __init__(self, depth, size=6, render_mode=None): self.size = size + depth

class Bare(gymnasium.Env):
    pass

for name in ("Room", "Cave", "Bare"):
    gymnasium.register(f"{name}-v0", f"rooms:{name}")
gymnasium.register("rooms_space/Room-v1", Room)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder that no entry of ``sys.path`` names, with modules of a user."""
    (tmp_path / "rooms.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("raise KeyError('mine')")
    (tmp_path / "needy.py").write_text("import no_such_package_at_all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    before = set(gym.registry)
    yield tmp_path
    allowlist.allow([])
    for name in ("rooms", "broken", "needy"):
        sys.modules.pop(name, None)
    for id in set(gym.registry) - before:
        del gym.registry[id]


def made(id: str, options: Any = None, render: bool = False) -> Any:
    allowlist.allow([id])
    return create.make(id, options, render=render)


@pytest.mark.parametrize("id", ["rooms:Room-v0", "rooms:rooms_space/Room-v1"])
def test_a_module_in_the_working_folder_is_found_if_it_is_allowed(folder: Path, id: str) -> None:
    with pytest.raises(ConfigError, match=rf"which netyard does not offer.*add --allow-target {id}"):
        allowlist.require({"data": {"id": id}})
    assert str(folder) not in sys.path
    allowlist.allow([id])
    allowlist.require({"data": {"id": id}})
    assert sys.path[-1] == str(folder), "last, so that it hides no module"
    allowlist.allow([id])
    assert sys.path.count(str(folder)) == 1
    assert Experience(id=id).facts()["num_actions"] == 2


@pytest.mark.parametrize(
    ("id", "options", "kind", "said"),
    [
        ("rooms:Rom-v0", {}, ConfigError, r"did you mean rooms:Room-v0.*try data\.id=rooms:Room-v0\."),
        ("rooms:Zzzzzzz-v9", {}, ConfigError, r"rooms registers Room-v0, Cave-v0, Bare-v0, rooms_space/Room-v1; try"),
        ("nowhere_at_all:X-v0", {}, ConfigError, r"package nowhere_at_all, which is neither installed nor in the wor"),
        ("broken:X-v0", {}, ForeignCodeError, r"raised KeyError: 'mine' in its module"),
        ("needy:X-v0", {}, ForeignCodeError, r"No module named 'no_such.* pip install no_such_package_at_all"),
        ("rooms:Room-v0", {"sise": 7}, ConfigError, r"no option 'sise'; its options are size=6, dark=False; try data"),
        ("rooms:Cave-v0", {}, ConfigError, r"needs the option 'depth'; its options are depth, size=6; type data\.opt"),
        ("rooms:Cave-v0", {"depth": "deep"}, ForeignCodeError, r"raised TypeError.* in its constructor"),
        ("rooms:Bare-v0", {}, DataError, r"rooms:Bare-v0 has no action_space; its constructor sets self\.action_space"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_answered(
    folder: Path, id: str, options: dict[str, Any], kind: type[NetyardError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        made(id, options)


def test_an_option_of_another_type_is_named_when_the_code_fails(folder: Path) -> None:
    allowlist.allow(["rooms:Room-v0"])
    with pytest.raises(ForeignCodeError, match=r"in step;.*data\.options\.size is 'big', and its default 6: try data"):
        Experience(id="rooms:Room-v0", options={"size": "big"}).facts()


def test_only_a_film_needs_a_render_mode(folder: Path) -> None:
    made("rooms:Room-v0").reset(seed=0)
    with pytest.raises(DataError, match=r"cannot be drawn: its constructor takes no render_mode; .* netyard evaluate"):
        made("rooms:Room-v0", render=True)
    made("rooms:Cave-v0", {"depth": 1}, render=True)


def test_an_option_needs_no_plus() -> None:
    for text in ("data.options.size=8", "+data.options.size=8", "data.options={size: 8}"):
        assert compose(["model=dqn", "data=gym", "data.id=X-v0", text])[0].data.options == {"size": 8}
