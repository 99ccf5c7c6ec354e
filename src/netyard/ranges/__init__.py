"""What arguments may be: written in a constructor's annotation, read by its own check and by that of a config."""
