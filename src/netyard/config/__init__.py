"""Options, overrides, and the config that they compose, which is checked and built here. Imports no torch."""
