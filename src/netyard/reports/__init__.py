"""Tables, statistics, plots and pages of finished runs, from their directories. Imports no torch."""
