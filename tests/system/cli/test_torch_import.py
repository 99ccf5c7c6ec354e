"""What is imported for good is not looked through for garbage."""

from __future__ import annotations

import subprocess
import sys


def test_nothing_is_kept_from_being_cleared_in_the_end() -> None:
    words = "import atexit, gc; from netyard.cli import torch_import"
    words += "; atexit.register(lambda: print(gc.get_freeze_count()))"  # runs after what is registered later
    words += (
        "\nwith torch_import.torch(): made = [[number] for number in range(1000)]\nprint(gc.get_freeze_count() > 1000)"
    )
    ended = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "0"]
