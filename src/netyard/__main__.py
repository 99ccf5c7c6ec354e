"""`python -m netyard X` is `netyard X`."""

import sys

from netyard.cli import main

sys.exit(main())
