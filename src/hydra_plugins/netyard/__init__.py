"""Hydra plugins: the launcher and sweepers of ``python train.py -m``. Hydra imports them at every start."""
