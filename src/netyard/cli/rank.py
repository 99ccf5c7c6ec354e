"""``python -m netyard.cli.rank OVERRIDES`` is ``python train.py OVERRIDES``, wherever the package is installed.

The processes of a run's other devices begin here, however the first one was started.
"""

import sys

from netyard.cli.main import train

if __name__ == "__main__":
    sys.exit(train())
