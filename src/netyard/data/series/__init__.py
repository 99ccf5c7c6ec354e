"""Data sets that are time series."""
