"""``netyard generate RUN_DIR [option=value ...] [output=FILE]``."""

from __future__ import annotations

from collections.abc import Sequence

from netyard.cli import torch_import
from netyard.cli.arguments import require_given, with_run
from netyard.cli.command import WHICH_OPTION, Command, Option
from netyard.io import run_log
from netyard.run_directories.directory import RunDir


def generate(arguments: Sequence[str]) -> str:
    """Generate text, images, rows or an episode; returns the text, or which files were written."""
    # Of an option that is given twice the last one counts.
    options = dict(text.partition("=")[::2] for text in with_run(arguments, "generate"))
    require_given(options, {"run": "RUN_DIR"}, "generate")
    # What is left in `options` depends on the task, which inference.generate checks.
    run_dir, output, which = RunDir(options.pop("run")), options.pop("output", None), options.pop("which", "best")
    run_dir.checkpoint(which)  # refuses another word
    run_dir.require()
    run_log.start(None)
    with torch_import.torch():  # after everything that can be refused without it
        from netyard.inference import generate as generating

    return generating.generate(run_dir, options, output, which)


COMMAND = Command(
    name="generate",
    does="Generate text, images, rows of a table or an episode with a trained network",
    usage="RUN_DIR [option=value ...] [output=FILE]",
    run=generate,
    body=(
        Option("run=RUN_DIR", "the run; RUN_DIR alone is enough"),
        WHICH_OPTION,
        Option("output=FILE", "where to write it; without it text is printed"),
        # By kind of task. An option of one kind is refused for a run of another.
        "A language model continues a prompt (model=lstm data=python_source):",
        Option("prompt=TEXT", "the text to continue, of characters or words in the vocabulary"),
        Option("temperature=1.0", "below 1 likely tokens become more likely, 0 always takes the most likely one"),
        Option("top_k=0", "sample from the k most likely tokens only; 0: from all"),
        Option("length=300", "number of tokens"),
        Option("seed=0", "the same seed gives the same text"),
        "A translation model translates one sentence (model=seq2seq):",
        Option("prompt=TEXT", "the sentence"),
        Option("beam_size=1", "number of candidates in beam search; 1 is greedy"),
        "A VAE or a GAN generates images; output=FILE.png, FILE.pt, or a folder; or rows of a table, output=FILE.csv:",
        Option("count=64", "number of samples"),
        Option("class=3", "samples of one class, by its number or name, if the network is conditional"),
        Option("seed=0", "the same seed gives the same samples"),
        "An autoencoder, a VAE or a GAN decodes given codes into images, or rows of a table:",
        Option("latent=FILE", "a code in each row: .npy, .pt or .csv, such as a table of netyard predict codes=true"),
        Option("between=A.png,B.png", "codes between those of two inputs; not of a GAN, which has no encoder"),
        Option("steps=9", "their number, both ends included"),
        "An agent acts greedily (model=dqn); output=FILE.gif, or a folder:",
        Option("episodes=1", "number of episodes"),
        Option("first=0", "number of the first episode; each number has its own start state"),
        Option("every=2", "environment steps between two frames"),
    ),
)
