"""What a finished run is asked for afterwards: predictions, samples, another test."""
