"""Trained networks as files for other programs, each checked against the network before it has its name."""
