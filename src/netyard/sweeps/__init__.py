"""Sweeps: the search space, the processes or clusters that run the jobs, and their results. Imports no torch."""
