"""Where the jobs of a sweep run: on this machine, or by a launcher of Hydra's."""
