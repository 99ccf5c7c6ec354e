"""Deep Q-learning and its extensions, which Rainbow combines: Hessel et al. 2018, arXiv:1710.02298."""
