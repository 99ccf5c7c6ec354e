"""What torch.optim does not have: who is regularised, schedules as fractions of a run, whole-net Muon."""

from netyard.optim.configure import configure_optimizer

__all__ = ["configure_optimizer"]
