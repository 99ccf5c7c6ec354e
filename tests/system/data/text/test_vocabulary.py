"""A vocabulary of byte pairs is the same in another process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from netyard.data.text.vocabulary import BytePairs


def test_byte_pairs_are_the_same_in_another_process() -> None:
    program = (
        "from netyard.data.text import vocabulary as v; import sys; assert 'tokenizers' not in sys.modules;"
        "print(v.BytePairs.learn(['she sells sea shells by the sea shore'], size=300).state())"
    )
    run: Any = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = BytePairs.learn(["she sells sea shells by the sea shore"], size=300)
    assert run.stdout.strip() == str(here.state())
