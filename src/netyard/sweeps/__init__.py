"""Sweeps: which jobs there are, and how they are run. Knows no torch."""
