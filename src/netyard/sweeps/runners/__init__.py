"""Runners of a sweep's jobs: processes on this machine, or a launcher of Hydra (SLURM, Ray, joblib)."""
