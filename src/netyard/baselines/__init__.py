"""What models without a network reach on the same parts of the same data."""
