"""Entry points of the command line: choose the command, or print help. Each command has its own file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from netyard.cli import (
    baseline,
    board,
    completion,
    doctor,
    evaluate,
    export,
    generate,
    new,
    predict,
    report,
    rerun,
    runs,
    typed_words,
)
from netyard.cli import help as explaining
from netyard.cli import list as listing
from netyard.cli import train as training
from netyard.cli.arguments import asks_for_help
from netyard.cli.command import Command
from netyard.cli.failure import failed
from netyard.config import synonyms
from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError
from netyard.io import run_log
from netyard.io.process import train_command
from netyard.io.version import __version__


def _complete(arguments: Sequence[str]) -> int:
    """Complete the command line. Defined here, because it needs the list of all commands."""
    return completion.completion(arguments, COMMANDS, training.train)


COMPLETION = Command(
    name="completion",
    does="Print a script that completes the command line",
    usage="bash|zsh|fish",
    run=_complete,
    body=(
        (
            "Prints a script with which the Tab key completes netyard and python train.py: commands, options, model="
            "res, "
            "trainer.max_ep, run=outputs/... To have it in every new shell, type once, for your shell:"
        ),
        "  bash    echo 'eval \"$(netyard completion bash)\"' >> ~/.bashrc",
        "  zsh     echo 'eval \"$(netyard completion zsh)\"' >> ~/.zshrc",
        "  fish    netyard completion fish > ~/.config/fish/conf.d/netyard.fish",
        'Only in this shell: eval "$(netyard completion bash)", or netyard completion fish | source.',
    ),
)

# In the order of the help: from training to looking at the results.
COMMANDS = {
    each.name: each
    for each in (
        training.COMMAND,
        baseline.COMMAND,
        evaluate.COMMAND,
        predict.COMMAND,
        generate.COMMAND,
        export.COMMAND,
        report.COMMAND,
        board.COMMAND,
        rerun.COMMAND,
        runs.COMMAND,
        doctor.COMMAND,
        listing.COMMAND,
        explaining.COMMAND,
        new.COMMAND,
        COMPLETION,
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """``netyard COMMAND ...``; returns the exit code."""
    # No arguments: the same as --help.
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    run_log.replace_unencodable()  # before anything is printed: a terminal without UTF-8 must not end the command
    if name in ("-h", "--help"):
        return _printed(f"netyard COMMAND ...\n\n{_listed()}\n\nnetyard COMMAND --help says more.")
    if name == "--version":
        return _printed(f"netyard {__version__}")  # without importing torch, as every answer of this function
    if name not in COMMANDS:
        return failed(_no_command(name, rest), rest)  # a message as for any other mistake, exit code 2
    if name == "help" and rest and rest[0] in COMMANDS:  # netyard help train
        name, rest = rest[0], ["--help"]
    command = COMMANDS[name]
    if asks_for_help(rest) or not (rest or command.alone):
        _printed(_help(command))
        # Help that was not asked for is the answer to a mistake: a command that needs arguments got none.
        return 0 if rest else ConfigError.exit_code
    return command(rest)


def _no_command(name: str, rest: Sequence[str]) -> ConfigError:
    """The error for a first word that is no command: another tool's name for one, or a setting of a run."""
    typed = " ".join(map(shlex.quote, rest))
    meant = synonyms.ACTIONS.get(synonyms.plain(name), "")
    if "=" in name or name.startswith("-"):
        try:
            typed_words.require([name, *rest], "netyard train")
        except ConfigError as error:
            return error
        meant = f"train {shlex.quote(name)}"
    if meant.startswith("train"):
        meant = f"netyard {meant} {typed}".rstrip()
    elif meant:
        # What was typed, in place of the examples; a word stands for the run.
        meant = f"{' '.join(meant.split()[:2])} {typed}" if typed and "RUN_DIR" in meant else meant
    return ConfigError(
        f"there is no command '{name}';",
        (not meant and did_you_mean(name, COMMANDS)) or f"commands are {', '.join(COMMANDS)};",
        f"try {meant}." if meant else "netyard --help prints them.",
    )


def train(arguments: Sequence[str] | None = None) -> int:
    """``python train.py ...``, which is ``netyard train ...``; returns the exit code."""
    return main(["train", *(sys.argv[1:] if arguments is None else arguments)])


def _printed(text: str) -> int:
    try:
        print(text, flush=True)
    # The reader has seen enough; a traceback would be printed after its output.
    except BrokenPipeError:  # netyard --help | head
        run_log.silence(sys.stdout)
    return 0


def _help(command: Command) -> str:
    if command is training.COMMAND:  # its help lists the other commands too
        text = training.HELP.format(commands=_listed(but="train"), choices=listing.overview())
        return text.replace("python train.py", train_command())  # an installed netyard has no train.py
    if command is listing.COMMAND:
        return f"{command.help}\n\n{listing.overview()}"
    return command.help


def _listed(but: str = "") -> str:
    return "\n".join(f"  {name:10} {each.does}." for name, each in COMMANDS.items() if name != but)
