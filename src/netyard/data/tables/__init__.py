"""Data sets that are tables: CSV files, and those of scikit-learn."""
