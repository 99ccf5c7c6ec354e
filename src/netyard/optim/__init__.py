"""What torch.optim does not have: who is regularised, schedules in fractions of a run, Muon for whole nets."""

from netyard.optim.configure import configure_optimizer

__all__ = ["configure_optimizer"]
