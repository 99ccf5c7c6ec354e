"""How many steps the splits of a series get, and whether that is enough for its windows. Imports no torch."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from netyard.errors import DataError


@dataclass(frozen=True)
class Lengths:
    """The settings that cut a series in order of time."""

    window: int
    horizon: int
    season: int
    val_fraction: float
    """Of what the test split leaves; 0 if validation is cut from elsewhere, or not at all."""
    test_fraction: float

    def of(self, steps: int) -> tuple[int, int, int]:
        """Numbers of steps of the training, validation and test split."""
        test = round(steps * self.test_fraction)
        val = round((steps - test) * self.val_fraction)
        return steps - test - val, val, test

    def require(self, steps: int, what: str) -> None:
        """Raise DataError if a split is too short for one window."""

        def held_out(steps: int) -> list[int]:
            _, val, test = self.of(steps)
            fractions = (self.val_fraction, self.test_fraction)
            return [length for fraction, length in zip(fractions, (val, test), strict=True) if fraction]

        def enough(steps: int) -> bool:
            train = self.of(steps)[0]
            return train >= self.window + self.horizon and min(held_out(steps), default=self.horizon) >= self.horizon

        if enough(steps):
            return
        train, val, test = self.of(steps)
        # Rounding of the fractions has no simple inverse; ``enough`` is monotonic, so bisection finds the minimum.
        min_steps = bisect.bisect_left(range(2**62), True, key=enough)
        horizon = min([self.horizon, *held_out(steps)])
        window = min(self.window, train - horizon)  # the training split needs both
        fits = horizon >= 1 and window >= self.season
        raise DataError(
            f"{what} has {steps} steps: {train} to train, {val} to validate and {test} to test;",
            f"a window of {self.window} steps and a horizon of {self.horizon} need {min_steps} in all: "
            "both for training, and a horizon each for validation and test;",
            f"try data.window={window} data.horizon={horizon}." if fits else "use a longer series.",
        )

    def require_window(self, steps: int, what: str, horizon: int) -> None:
        """Raise DataError if a series in one split is too short for a window, and ``horizon`` steps after it."""
        needed = self.window + horizon
        if steps < needed:
            after = f" and a horizon of {horizon} need {needed}" if horizon else ""
            raise DataError(
                f"{what} has {steps} steps;",
                f"a window of {self.window} steps{after};"
                if after
                else f"the network reads a window of {self.window};",
                "use a longer series.",
            )
