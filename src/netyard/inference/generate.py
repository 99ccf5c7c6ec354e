"""``netyard generate``: text, images, rows of a table or episodes of a trained network."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from netyard.config.instantiate import build
from netyard.errors import ConfigError
from netyard.inference import codes
from netyard.io import table_writer
from netyard.io.readable import listed
from netyard.io.rows import Rows
from netyard.plots.gif import gif, write_gif
from netyard.plots.image_grid import grid, png_of, write_png
from netyard.run_directories.directory import RunDir
from netyard.tasks.interfaces import Acts, DrawsImages, DrawsRows, GeneratesText, shows_images
from netyard.training import checkpoint


@dataclass(frozen=True)
class Images:
    """Generated images (N, C, H, W) in [0, 1]; a notebook shows them as a grid."""

    pictures: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def save(self, path: str | Path) -> Path:
        """Write a grid to ``FILE.png``, the tensor to ``FILE.pt``, or a PNG of each to a folder; returns the path."""
        path = Path(path)
        if path.suffix == ".pt":
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(self.pictures.cpu(), path)
        elif path.suffix == ".png":
            write_png(grid(self.pictures), path)
        else:
            for number, picture in enumerate(self.pictures):
                write_png(picture, path / f"{number:05}.png")  # five digits, so that names sort by number
        return path

    def _repr_png_(self) -> bytes:  # called by IPython to display the object
        return png_of(grid(self.pictures))


@dataclass(frozen=True)
class Episode:
    """One episode of an agent with its greedy policy; a notebook shows it as an animation."""

    number: int
    frames: Sequence[Any]
    """uint8 (H, W, 3) each."""
    total_return: float  # undiscounted

    def save(self, path: str | Path) -> Path:
        """Write a GIF to ``FILE.gif`` or into a folder; returns its path."""
        path = Path(path)
        path = path if path.suffix == ".gif" else path / f"episode_{self.number}.gif"
        write_gif(gif(self.frames), path)
        return path

    def _repr_html_(self) -> str:
        content = base64.b64encode(gif(self.frames)).decode()  # in the page itself: a saved notebook needs no file
        return f'<img alt="episode {self.number}" src="data:image/gif;base64,{content}"> return {self.total_return:g}'


def generate(run_dir: RunDir, options: Mapping[str, str], output: str | None = None, which: str = "best") -> str:
    """Sample from a trained network; returns the generated text, or a message with the paths of the files.

    Args:
        options: of the task, as text.
        output: a file for text; a CSV file for rows; for images a PNG with a grid, a folder for one PNG each, or a
            ``.pt`` file for a tensor (count, C, H, W) in [0, 1]; for episodes a GIF or a folder. None: ``pictures/`` of
            the run.
        which: the checkpoint, ``best`` or ``last``.

    Raises:
        ConfigError: see ``generated``.
        DataError: the prompt contains tokens that are not in the vocabulary.
    """
    # Checked before sampling: an error must not come after minutes of recording.
    made = generated(run_dir, options, bool(output) and Path(str(output)).suffix == ".gif", which)
    folder = run_dir.path / "pictures"
    if isinstance(made, Images):
        return f"{len(made)} picture(s) in {made.save(output or folder / 'generated.png')}"
    if isinstance(made, Rows):
        path = Path(output or folder / "generated.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        table_writer.require_writable(path)
        with table_writer.open_table(path) as add:
            add({name: made.column(name) for name in made.columns})
        return f"{len(made)} row(s) in {path}"
    if isinstance(made, list):
        return "\n".join(f"a return of {each.total_return:g} in {each.save(output or folder)}" for each in made)
    if output:
        Path(output).write_text(f"{made}\n", encoding="utf-8")
    return made


def generated(
    run_dir: RunDir, options: Mapping[str, Any], one_file: bool = False, which: str = "best"
) -> str | Images | Rows | list[Episode]:
    """Samples of a trained network.

    Args:
        options: of the task, as numbers or as text from the command line; or those of ``codes.decoded``.
        one_file: whether the output is a single GIF, which can contain only one episode.
        which: the checkpoint, ``best`` or ``last``.

    Raises:
        ConfigError: the task generates nothing, or has no such option.
        DataError: the prompt contains tokens that are not in the vocabulary.
    """
    recorded, config, choices = checkpoint.read_of(run_dir, which)
    task = checkpoint.rebuild(recorded, run_dir.checkpoint(which))
    decodes = bool({"latent", "between"} & set(options))
    draws = isinstance(task, DrawsImages | DrawsRows)
    if decodes or draws:
        names = checkpoint.data_state(recorded).get("class_names") or []
        given = {
            name: number_of_class(options[name], names) for name in ("class", "label") if options.get(name) is not None
        }
        options = {**options, **given}
    if decodes:
        made = codes.decoded(task, checkpoint.build_data(recorded, config), options, choices["task"])
        return Images(made) if isinstance(made, Tensor) else made
    if draws:
        # The option is ``class``, a reserved word in Python; the parameter is ``label``. 64: a grid of 8 x 8.
        named = {"label" if name == "class" else name: value for name, value in {"count": 64, **options}.items()}
        data = checkpoint.build_data(recorded, config)
        if not isinstance(task, DrawsRows) or shows_images(data):
            return Images(task.pictures(**_convert(named, task.pictures)))
        made = codes.in_own_units(task.rows(**_convert(named, task.rows)), data)
        return Images(made) if isinstance(made, Tensor) else made
    if isinstance(task, Acts):
        # Without the data state of the checkpoint, which is the replay memory: acting does not need it.
        return _record_episodes(task, build(config["data"]), options, one_file)
    if not isinstance(task, GeneratesText):
        raise ConfigError(
            f"{run_dir.path} is a run of task={choices['task']}, which makes no samples;",
            "language models and translations make text, VAEs and GANs images or rows, agents episodes;",
            "try a run of model=lstm data=python_source.",
        )
    data = checkpoint.build_data(recorded, config)
    torch.set_num_threads(1)  # one token at a time is too little work for a second thread
    return task.generate(data, **_convert(options, task.generate))


def number_of_class(name: Any, names: Sequence[str]) -> Any:
    """The number of a class that is given by its name; what is none is returned as it is, for ``_convert``.

    Raises:
        ConfigError: it is neither a name nor a number.
    """
    if str(name) in names:
        return [*names].index(str(name))
    if not names and not str(name).lstrip("+-").isdecimal():
        raise ConfigError(
            f"class is {str(name)!r}, and the run has no names of classes;",
            "class is a number from 0, of a conditional net;",
            "leave class out, or try class=0.",
        )
    if names and not str(name).lstrip("+-").isdecimal():
        near = [*get_close_matches(str(name), names, n=1), names[0]][0]
        raise ConfigError(
            f"class is {str(name)!r}, which is no class of the run;",
            f"the classes are {listed(names)}, or their numbers from 0;",
            f"try class={near}.",
        )
    return name


def _record_episodes(task: Any, data: Any, options: Mapping[str, Any], one_file: bool) -> list[Episode]:
    """Record episodes of the greedy policy; the options are the parameters of ``record``."""

    def record(episodes: int = 1, first: int = 0, every: int = 2) -> list[Episode]:
        if min(episodes, every) < 1 or (episodes > 1 and one_file):
            raise ConfigError(
                f"episodes is {episodes}, every {every}{' and the output one file' * one_file};",
                "both are at least 1, and a GIF contains one episode;",
                "try episodes=1 every=2, or output=FOLDER.",
            )
        # The random numbers of an episode depend on its number only, so ``first=3`` repeats the fourth one exactly.
        numbers = range(first, first + episodes)
        return [Episode(number, *data.record_episode(task.greedy, number, every)) for number in numbers]

    return record(**_convert(options, record))


def _convert(options: Mapping[str, Any], function: Callable[..., Any]) -> dict[str, Any]:
    """Convert options to the types of a function's annotations.

    Raises:
        ConfigError: an unknown option, a missing one, or a value that is not a number.
    """
    # eval_str: ``from __future__ import annotations`` makes every annotation a string. ``data`` is not an option.
    parameters = inspect.signature(function, eval_str=True).parameters
    known = {name: each for name, each in parameters.items() if name != "data"}
    values: dict[str, Any] = {}
    for name, text in options.items():
        if name not in known:
            raise ConfigError(
                f"there is no option '{name}';",
                f"the options of this task are {', '.join(known)};",
                "see netyard generate --help.",
            )
        kind = (*get_args(known[name].annotation), known[name].annotation)[0]  # int for both int and int | None
        try:
            values[name] = kind(text)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{name} is {text!r};",
                f"it must be {'a whole number' if kind is int else 'a number'};",
                f"try {name}=1.",
            ) from error
    missing = [name for name, each in known.items() if each.default is each.empty and name not in values]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} was not given;",
            f"the options of this task are {', '.join(known)};",
            f"type {' '.join(f'{name}=...' for name in missing)}.",
        )
    return values
