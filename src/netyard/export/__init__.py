"""Export of a finished run as a file for other programs, compared with the network before it is kept."""
