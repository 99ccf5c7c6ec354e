"""The door: `python train.py model=resnet50 optimizer=adam`. `python train.py --help` says what else can be typed."""

import sys

from netyard.cli.main import train

if __name__ == "__main__":
    sys.exit(train())
