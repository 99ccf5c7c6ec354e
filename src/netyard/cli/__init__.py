"""The command line: one file a command. Knows Hydra, and torch only once a command has work for it."""
