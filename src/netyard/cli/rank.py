"""``python -m netyard.cli.rank OVERRIDES`` is ``python train.py OVERRIDES``, wherever the package is installed.

The processes that Lightning starts for a run's other devices begin here.
"""

import sys

from netyard.cli.main import train

if __name__ == "__main__":
    sys.exit(train())
