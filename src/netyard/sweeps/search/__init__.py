"""Which jobs a sweep has: its axes, and the ways of choosing points on them."""
