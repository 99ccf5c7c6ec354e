"""From a config to a finished run: devices, trainer, checkpoints, results."""
