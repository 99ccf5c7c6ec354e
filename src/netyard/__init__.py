"""netyard: deep-learning experiments of every classic family, from one command."""

__version__ = "0.1.0"
