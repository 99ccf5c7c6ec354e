"""Measures of predictions and of samples, and what a few numbers can say of many."""
