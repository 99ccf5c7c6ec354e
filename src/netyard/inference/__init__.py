"""Uses of a finished run: predictions, generated samples, another test."""
