"""Tables: CSV files, and those that scikit-learn carries."""
