"""Environments, and the experience that agents have in them."""
