"""Metrics of predictions and of generated samples, and statistics of small sets of scores."""
