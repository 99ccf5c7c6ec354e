"""``netyard generate RUN_DIR [option=value ...] [output=FILE]``."""

from __future__ import annotations

from collections.abc import Sequence

from netyard.cli import torch_import
from netyard.cli.arguments import require_given, with_run
from netyard.cli.command import Command, Option
from netyard.io import run_log
from netyard.run_directories.directory import RunDir


def generate(arguments: Sequence[str]) -> str:
    """What a run's network made, or where it is; see ``generating.generate``."""
    options = dict(text.partition("=")[::2] for text in with_run(arguments, "generate"))
    require_given(options, {"run": "RUN_DIR"}, "generate")
    run_dir, output = RunDir(options.pop("run")), options.pop("output", None)
    run_dir.require()
    run_log.start(None)
    with torch_import.torch():
        from netyard.inference import generate as generating

    return generating.generate(run_dir, options, output)


COMMAND = Command(
    name="generate",
    does="Let a trained network make something: text, pictures, an episode",
    usage="RUN_DIR [option=value ...] [output=FILE]",
    run=generate,
    body=(
        Option("run=RUN_DIR", "the run; RUN_DIR alone says the same"),
        Option("output=FILE", "where to write it; text is printed where none is named"),
        "A language model goes on from a prompt (model=lstm data=python_source):",
        Option("prompt=TEXT", "what to go on from; the vocabulary must know it"),
        Option("temperature=1.0", "below 1 the likely becomes likelier, 0 takes the likeliest each time"),
        Option("top_k=0", "draw from the k likeliest tokens only; 0 from all"),
        Option("length=300", "tokens to write"),
        Option("seed=0", "the same seed writes the same text"),
        "A translation answers one sentence (model=seq2seq):",
        Option("prompt=TEXT", "the sentence"),
        Option("beam_size=1", "sentences kept alive in beam search; 1 is greedy"),
        "A VAE or a GAN draws (model=vae, model=gan); output=FILE.png, FILE.pt, or a folder:",
        Option("count=64", "pictures"),
        Option("class=3", "of one class, if the net was told classes"),
        Option("seed=0", "the same seed draws the same pictures"),
        "An agent plays greedily (model=dqn); output=FILE.gif, or a folder:",
        Option("episodes=1", "how many"),
        Option("first=0", "the number of the first: each has a beginning of its own"),
        Option("every=2", "steps from one frame to the next"),
    ),
)
