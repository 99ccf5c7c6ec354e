"""What a finished run shows of a training that went wrong, each with a command: pure functions of measured facts."""
