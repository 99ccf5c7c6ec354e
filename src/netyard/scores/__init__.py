"""Scores of generated samples: how near one set of feature vectors is to another. Pure functions of tensors."""
