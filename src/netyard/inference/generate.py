"""``netyard generate``: what a trained network makes of nothing, or of a prompt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import torch

from netyard.config.instantiate import build
from netyard.errors import ConfigError
from netyard.plots.gif import gif, write_gif
from netyard.plots.image_grid import grid, write_png
from netyard.runs.directory import RunDir
from netyard.tasks.interfaces import Acts, DrawsImages, GeneratesText
from netyard.training import checkpoint


def generate(run_dir: RunDir, options: Mapping[str, str], output: str | None = None) -> str:
    """Let the best network of a run make something; the options are its task's own.

    Returns the text it wrote, or where its pictures are. ``output`` is a file for the text; for pictures one PNG of
    all, a folder for one of each, or a ``.pt`` file for a tensor (count, C, H, W) in [0, 1].

    Raises:
        ConfigError: the task makes nothing, or does not know an option.
        DataError: the prompt holds what the vocabulary does not.
    """
    recorded, config, choices = checkpoint.best_of(run_dir)
    task = checkpoint.rebuild(recorded, run_dir.best)
    if isinstance(task, DrawsImages):
        return _draw(task, options, Path(output) if output else run_dir.path / "pictures" / "generated.png")
    if isinstance(task, Acts):
        return _act(task, build(config["data"]), options, Path(output) if output else run_dir.path / "pictures")
    if not isinstance(task, GeneratesText):
        raise ConfigError(
            f"{run_dir.path} is a run of task={choices['task']}, which makes no samples;",
            "a language model writes text, a translation answers, a VAE or a GAN draws, an agent acts;",
            "try a run of model=lstm data=python_source.",
        )
    data = build(config["data"])
    checkpoint.restore_data(data, recorded)
    torch.set_num_threads(1)  # a step of one sample gives a second thread nothing to do
    text = task.generate(data, **_typed(options, task.generate))
    if output:
        Path(output).write_text(f"{text}\n", encoding="utf-8")
    return text


def _draw(task: Any, options: Mapping[str, str], output: Path) -> str:
    # A class is called a label in Python, where class is a word of the language.
    named = {"label" if name == "class" else name: text for name, text in {"count": "64", **options}.items()}
    pictures = task.pictures(**_typed(named, task.pictures))
    if output.suffix == ".pt":
        output.parent.mkdir(parents=True, exist_ok=True)
        torch.save(pictures.cpu(), output)
    elif output.suffix == ".png":
        write_png(grid(pictures), output)
    else:
        for number, picture in enumerate(pictures):
            write_png(picture, output / f"{number:05}.png")
    return f"{len(pictures)} picture(s) in {output}"


def _act(task: Any, data: Any, options: Mapping[str, str], output: Path) -> str:
    """Whole episodes as GIFs: in a folder, or a single one in ``output=FILE.gif``."""

    def play(episodes: int = 1, first: int = 0, every: int = 2) -> list[str]:
        if min(episodes, every) < 1 or (episodes > 1 and output.suffix == ".gif"):
            raise ConfigError(
                f"episodes is {episodes}, every {every} and the output {output};",
                "both are at least 1, and a GIF holds one episode;",
                "try episodes=1 every=2, or output=FOLDER.",
            )
        lines = []
        for episode in range(first, first + episodes):
            frames, total = data.show(task.greedy, episode, every)
            path = output if output.suffix == ".gif" else output / f"episode_{episode}.gif"
            write_gif(gif(frames), path)
            lines.append(f"a return of {total:g} in {path}")
        return lines

    return "\n".join(play(**_typed(options, play)))


def _typed(options: Mapping[str, str], function: Callable[..., Any]) -> dict[str, Any]:
    """Words of the command line as the types that a function's annotations name.

    Raises:
        ConfigError: an option it does not know, one it needs and did not get, or no number where it wants one.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    known = {name: each for name, each in parameters.items() if name != "data"}
    values: dict[str, Any] = {}
    for name, text in options.items():
        if name not in known:
            raise ConfigError(
                f"there is no option '{name}';",
                f"a run of this task knows {', '.join(known)};",
                "netyard generate --help explains them.",
            )
        kind = (*get_args(known[name].annotation), known[name].annotation)[0]  # of int | None, int
        try:
            values[name] = kind(text)
        except ValueError as error:
            raise ConfigError(
                f"{name} is {text!r};",
                f"it must be {'a whole number' if kind is int else 'a number'};",
                f"try {name}=1.",
            ) from error
    missing = [name for name, each in known.items() if each.default is each.empty and name not in values]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} was not given;",
            f"a run of this task knows {', '.join(known)};",
            f"type {' '.join(f'{name}=...' for name in missing)}.",
        )
    return values
