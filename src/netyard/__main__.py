"""`python -m netyard X` is `netyard X`."""

import sys

from netyard.cli.main import main

sys.exit(main())
