"""Deep Q-learning and what was added to it."""
