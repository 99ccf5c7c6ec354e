"""Additions to torch.optim: which parameters decay, schedules as fractions of a run, and Muon for whole networks."""

from netyard.optim.configure import configure_optimizer

__all__ = ["configure_optimizer"]
