"""What a run is asked for: options, overrides, and the config they compose, checked and built. Imports no torch."""
