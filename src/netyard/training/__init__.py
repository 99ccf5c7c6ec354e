"""From a config to a finished run: devices, Trainer, checkpoints, results. Start reading at ``fit.py``."""
