"""Data sets of text: classified texts, text for language modelling, and pairs for translation."""
