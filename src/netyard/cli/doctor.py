"""``netyard doctor [FOLDER...] [hashes=false]``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from netyard.cli.arguments import divided, require_choice, require_options
from netyard.cli.command import Command, Option
from netyard.errors import CheckpointError, PlatformError
from netyard.run_directories.directory import outputs
from netyard.run_directories.integrity import check
from netyard.run_directories.records import gather

MOST = 50  # lines of one kind


def doctor(arguments: Sequence[str]) -> int:
    """Print what was found, a line each.

    Returns:
        0, or 5 if a run would lack something here, or 4 if something in the folders is broken.

    Raises:
        CheckpointError: a folder that was named is not there.
    """
    places, options = divided(arguments)
    require_options(options, COMMAND.options, "doctor")
    hashes = require_choice("hashes", options.get("hashes", "true"), COMMAND.options["hashes"]) == "true"
    written = outputs().expanduser()
    folders = [Path(place).expanduser() for place in places] or [written]
    for folder in folders:
        if places and not folder.is_dir():
            raise CheckpointError(
                f"{folder} is {'a file' if folder.exists() else 'not there'};",
                "doctor checks folders with runs, outputs/ by default;",
                "try netyard doctor.",
            )
    from netyard.cli import environment

    findings = environment.examine(written, Path(os.environ.get("NETYARD_DATA", "~/.cache/netyard")).expanduser())
    for each in findings:
        print(f"{each.kind:8} {each.text}")

    report = check(*gather(folders, settings=False), hashes=hashes)
    for kind, lines in (("stale", report.stale), ("broken", report.broken)):
        for line in lines[:MOST]:
            print(f"{kind:8} {line}")
        if len(lines) > MOST:
            print(f"{kind:8} and {len(lines) - MOST} more")
    counts = f"{report.runs} run(s), {report.events} event file(s), {report.checkpoints} checkpoint(s)"
    where = ", ".join(map(str, folders))
    print(f"{'broken' if report.broken else 'ok':8} {len(report.broken) or 'nothing'} broken below {where}: {counts}")
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
            "Looks at this machine: versions against what netyard needs, devices, whether outputs and data can "
            "be written to and have a gigabyte free, and which optional extras are here, with the command that "
            "installs each. Then at every run below the folders, outputs/ where none is given: event files whose "
            "records have a wrong sum or end too early, checkpoints that are not what their manifest says, files "
            "that cannot be read, and runs that say they are running and whose process is gone."
        ),
        Option("hashes=false", "believe the sizes of checkpoints, which saves reading them", values=("true", "false")),
        (
            "A line begins with ok, note (what you may want), stale, missing (what a run needs here), or broken. "
            "Exit code: 5 if something is missing, else 4 if something is broken, else 0."
        ),
    ),
    alone=True,
)
