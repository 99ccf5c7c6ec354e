"""``netyard doctor [FOLDER...] [hashes=false]``: check this machine and the files of runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from netyard.cli import torch_import
from netyard.cli.arguments import divided, require_choice, require_options
from netyard.cli.command import Command, Option
from netyard.errors import CheckpointError, PlatformError
from netyard.run_directories.directory import outputs
from netyard.run_directories.integrity import check
from netyard.run_directories.records import gather

MOST = 50  # lines of one kind, so that the summary stays on the screen


def doctor(arguments: Sequence[str]) -> int:
    """Print one line per finding.

    Returns:
        5 if this machine lacks something that a run needs; else 4 if a file of a run is broken; else 0.

    Raises:
        CheckpointError: a given folder does not exist.
    """
    places, options = divided(arguments)
    require_options(options, COMMAND.options, "doctor")
    hashes = require_choice("hashes", options.get("hashes", "true"), COMMAND.options["hashes"]) == "true"
    written = outputs().expanduser()  # where new runs would go, whichever folders are checked
    folders = [Path(place).expanduser() for place in places] or [written]
    for folder in folders:
        if places and not folder.is_dir():  # outputs/ may be missing: nothing was trained yet
            raise CheckpointError(
                f"{folder} is {'a file' if folder.exists() else 'not there'};",
                "doctor checks folders with runs, outputs/ by default;",
                "try netyard doctor.",
            )
    with torch_import.torch():
        from netyard.cli import environment  # imports torch, which takes seconds

    findings = environment.examine(written, Path(os.environ.get("NETYARD_DATA", "~/.cache/netyard")).expanduser())
    for each in findings:
        print(f"{each.kind:8} {each.text}")

    # After the machine's lines are printed: reading checkpoints of many runs takes minutes.
    report = check(*gather(folders, settings=False), hashes=hashes)
    for kind, lines in (("stale", report.stale), ("broken", report.broken)):
        for line in lines[:MOST]:
            print(f"{kind:8} {line}")
        if len(lines) > MOST:
            print(f"{kind:8} and {len(lines) - MOST} more")
    counts = f"{report.runs} run(s), {report.events} event file(s), {report.checkpoints} checkpoint(s)"
    where = ", ".join(map(str, folders))
    print(f"{'broken' if report.broken else 'ok':8} {len(report.broken) or 'nothing'} broken below {where}: {counts}")
    # A machine that lacks something comes first: it may be why files are broken.
    if any(each.kind == "missing" for each in findings):
        return PlatformError.exit_code
    return CheckpointError.exit_code if report.broken else 0


COMMAND = Command(
    name="doctor",
    does="Look for what is missing on this machine and broken among its runs",
    usage="[FOLDER...] [hashes=false]",
    run=doctor,
    body=(
        (
            "Checks this machine: versions of packages, devices, whether outputs and data can be written to and have a "
            "gigabyte free, and which optional extras are installed, with the command that installs each. Then it "
            "checks every run below the folders (default: outputs/): event files with wrong checksums or a "
            "truncated end, checkpoints that differ from their manifest, files that cannot be read, and runs in "
            "state running whose process does not exist."
        ),
        Option(
            "hashes=false",
            "compare only the sizes of checkpoints, which is faster than reading them",
            values=("true", "false"),
        ),
        (
            "A line starts with ok, note (optional), stale, missing (a run needs it), or broken. "
            "Exit code: 5 if something is missing, else 4 if something is broken, else 0."
        ),
    ),
    alone=True,
)
