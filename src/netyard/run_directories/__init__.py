"""Run directories: locking, files, checkpoints' manifests, resuming, and reading many runs at once."""
