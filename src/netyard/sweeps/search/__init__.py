"""The search space of a sweep, and the searches that choose jobs from it: grid, random, Optuna."""
