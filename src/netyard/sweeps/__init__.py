"""Many runs as one: what is tried, where it runs, and what became of it. Imports no torch."""
