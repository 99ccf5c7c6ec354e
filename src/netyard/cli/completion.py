"""``netyard completion bash|zsh|fish``: a script for the shell, which calls ``netyard completion query LINE``.

Overrides are completed by Hydra, which composes the overrides before the cursor. This module completes the rest:
subcommands, their options, run directories, and the last of several values that are separated by commas.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from netyard.cli import list as listing
from netyard.cli.command import Command
from netyard.config import catalog
from netyard.config.suggest import did_you_mean
from netyard.errors import ConfigError
from netyard.run_directories.directory import outputs

MOST_RUNS = 100  # of the newest; a shell lists every candidate

# Commands whose first argument is a run directory.
OF_A_RUN = ("evaluate", "predict", "generate", "export", "rerun")

BASH = """\
_netyard() {
    local line="${COMP_LINE:0:$COMP_POINT}" word ahead reply
    case "$line" in
        python*[[:space:]]*train.py[[:space:]]*|*netyard*|train.py[[:space:]]*|./train.py[[:space:]]*) ;;
        *) return ;;
    esac
    word="${line##*[[:space:]]}"
    # Bash splits words at = and :, and inserts the reply after the last of them.
    ahead=""
    case "$COMP_WORDBREAKS" in *=*) ahead="${word%"${word##*[=:]}"}" ;; esac
    COMPREPLY=()
    while IFS= read -r reply; do
        COMPREPLY+=("${reply#"$ahead"}")
    done < <(PROGRAM completion query "$line" 2>/dev/null)
}
complete -o nospace -o bashdefault -o default -F _netyard netyard python python3 train.py ./train.py
"""

ZSH = """\
_netyard() {
    local line="${BUFFER[1,CURSOR]}"
    local -a found
    case "$line" in
        python*train.py*|*netyard*|*train.py*) found=("${(@f)$(PROGRAM completion query "$line" 2>/dev/null)}") ;;
    esac
    if [[ -n "${found[1]}" ]]; then compadd -Q -S '' -- $found; else compset -P '*='; _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _netyard netyard python python3 train.py
"""

FISH = """\
function __netyard_query
    set -l found (PROGRAM completion query (commandline -cp) 2>/dev/null)
    if test -n "$found"
        printf '%s\\n' $found
    else
        set -l key (string match -r '^[^=]*=' -- (commandline -ct))
        __fish_complete_path (string replace -r '^[^=]*=' '' -- (commandline -ct)) | string replace -r '^' -- "$key"
    end
end
complete -c netyard -f -a '(__netyard_query)'
for program in python python3
    complete -c $program -n 'string match -q "*train.py *" -- (commandline -cp)' -f -a '(__netyard_query)'
end
"""

SHELLS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

Train = Callable[[Sequence[str]], int]


def completion(arguments: Sequence[str], commands: Mapping[str, Command], train: Train) -> int:
    """Print the script for a shell; or the candidates for the last word of a line, which that script asks for.

    Args:
        arguments: ``bash``, ``zsh`` or ``fish``; or ``query`` and the line up to the cursor.
        commands: all subcommands, by name.
        train: the command ``train``, through which Hydra completes overrides.
    """
    if len(arguments) == 2 and arguments[0] == "query":
        print(*candidates(arguments[1], commands, train), sep="\n")
        return 0
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        given = " ".join(arguments)
        raise ConfigError(
            f"there is no completion for '{given}';",
            did_you_mean(given, SHELLS) or f"shells are {', '.join(SHELLS)};",
            'type eval "$(netyard completion bash)".',
        )
    # The interpreter's full path: the script also works where no virtual environment is active.
    print(SHELLS[arguments[0]].replace("PROGRAM", f"{shlex.quote(sys.executable)} -m netyard"), end="")
    return 0


def candidates(line: str, commands: Mapping[str, Command], train: Train) -> list[str]:
    """The words that may replace the last word of the line; none where the shell is to complete file names."""
    words = line.split()  # not shlex.split, which fails on a quote that is not closed yet
    word = "" if not words or line[-1].isspace() else words.pop()
    place = next((place for place, each in enumerate(words) if Path(each).name in ("netyard", "train.py")), None)
    if place is None:
        return []  # python something_else.py
    before = words[place + 1 :]
    if Path(words[place]).name == "netyard":
        if not before:
            return [name for name in commands if name.startswith(word)]
        name, *before = before
    else:
        name = "train"
    found = _of_command(name, commands[name].options if name in commands else {}, before, word, train)
    # Sorted and filtered once, whichever of the sources above the candidates come from.
    return sorted({each for each in found if each.startswith(word)})


def _of_command(
    name: str, options: Mapping[str, Sequence[str]], before: Sequence[str], word: str, train: Train
) -> Iterator[str]:
    key, sign, value = word.partition("=")
    if key == "run" or (name == "train" and key == "resume"):
        yield from (f"{key}={path}" for path in _run_dirs(value)) if sign else [f"{key}="]
        return
    if name in OF_A_RUN and not sign and not any(_names_run(each) for each in before):
        yield from _run_dirs(word)
    if name in ("train", "baseline", "evaluate", "rerun"):
        yield from (f"{each}=" for each in options)
        # Hydra composes the overrides before the word; options of netyard's own command would be unknown keys to it.
        yield from _by_hydra(
            [each for each in before if "=" in each and each.partition("=")[0] not in options], word, train
        )
    elif name == "list" and not before:
        yield from (*catalog.GROUPS, *listing.PLURALS)
    elif name == "list" and not sign:
        yield from catalog.options(listing.PLURALS.get(before[0], before[0]))
        yield from (f"{each}=" for each in options)
    elif sign:
        several, comma, last = value.rpartition(",")  # state=failed,st: only the last one is completed
        offered = options.get(key) or (catalog.options(key) if key in catalog.GROUPS else ())
        yield from (f"{key}={several}{comma}{each}" for each in offered if each.startswith(last))
    else:
        yield from (f"{each}=" for each in options)


def _names_run(word: str) -> bool:
    return word.startswith("run=") or "=" not in word


def _by_hydra(before: Sequence[str], word: str, train: Train) -> Iterator[str]:
    """Candidates from Hydra, which reads the line from the environment. For ``model=mlp,res`` it gets ``model=res``."""
    key, sign, value = word.partition("=")
    _, comma, last = value.rpartition(",")  # Hydra completes no value of a sweep after the first
    asked = f"{key}={last}" if sign and comma and "[" not in value else word
    os.environ["COMP_LINE"] = line = " ".join(["train.py", *before, asked])
    os.environ["COMP_POINT"] = str(len(line))
    # Hydra prints the candidates; "-sc query=bash" is its interface for shells, COMP_LINE and COMP_POINT are Bash's.
    with contextlib.redirect_stdout(io.StringIO()) as said:
        train(["-sc", "query=bash"])
    for each in said.getvalue().split():
        yield word[: len(word) - len(last)] + each.removeprefix(f"{key}=") if asked != word else each


def _run_dirs(typed: str) -> Iterator[str]:
    """Run directories, newest first, below outputs/ or the path that was typed so far."""
    root = outputs() if str(outputs()).startswith(typed) else Path(typed if typed.endswith("/") else Path(typed).parent)
    found = [path.parent for depth in ("*", "*/*", "*/*/*", "*/*/*/*") for path in root.glob(f"{depth}/status.json")]
    # Depth 1 to 4: outputs/DAY/TIME-model-data, and the jobs of sweeps below outputs/sweeps/DAY/TIME/.
    run_dirs = [str(path) for path in found if str(path).startswith(typed)]
    yield from sorted(run_dirs, key=lambda path: -(Path(path) / "status.json").stat().st_mtime)[:MOST_RUNS]
