"""``python -m netyard.cli.rank OVERRIDES``: the same as ``python train.py OVERRIDES``, without a path to ``train.py``.

The entry point of the processes for ranks 1, 2, ... of a run, whichever way rank 0 was started.
"""

import sys

from netyard.cli.main import train

if __name__ == "__main__":
    sys.exit(train())
