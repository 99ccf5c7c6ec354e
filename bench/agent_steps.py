"""Environment steps a second of Q-learning on CartPole, updates included: netyard beside three others.

    python bench/agent_steps.py [overrides]        for instance trainer.max_epochs=4

Two settings: that of CleanRL's dqn.py (an update of 128 transitions every ten steps, a network of 120 and 84 units) and
that of Stable-Baselines3's tuned agent (128 updates of 64 every 256 steps, two layers of 256). Beside netyard go, with
the same network, batches and number of updates, on the same single thread:

* a loop written by hand in NumPy: the environment as a few lines of Python, forward, backward and
  Adam as array operations;
* the loop of CleanRL's dqn.py, as it is but for its logging (it is a script and cannot be installed);
* Stable-Baselines3 itself, where it is installed: pip install --no-deps stable-baselines3.

After each round of netyard every other one takes as many steps, so whatever else the machine does meanwhile hits all. A
round of netyard is all that happens from one to the next: collecting, updates, checks, logging, callbacks.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import gymnasium as gym
import lightning as L
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from netyard.cli.main import train

EPSILON, DISCOUNT, WARM_UP = 0.05, 0.99, 1000
SETTINGS = {
    "CleanRL's setting": {"sizes": [120, 84], "batch": 128, "lr": 2.5e-4, "every": 10, "updates": 1, "target": 50},
    "Stable-Baselines3's": {
        "sizes": [256, 256],
        "batch": 64,
        "lr": 2.3e-3,
        "every": 256,
        "updates": 128,
        "target": 128,
    },
}


class Pole:
    """CartPole-v1 in plain Python: the equations of Gymnasium's, and its limits."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self) -> tuple[float, ...]:
        self.steps, self.state = 0, tuple(self.rng.uniform(-0.05, 0.05, 4).tolist())
        return self.state

    def step(self, action: int) -> tuple[tuple[float, ...], bool, bool]:
        x, speed, angle, spin = self.state
        cosine, sine = math.cos(angle), math.sin(angle)
        force = ((10.0 if action else -10.0) + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * force) / (0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1))
        push = force - 0.05 * turn * cosine / 1.1
        self.state = (x + 0.02 * speed, speed + 0.02 * push, angle + 0.02 * spin, spin + 0.02 * turn)
        self.steps += 1
        fell = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.20943951
        return self.state, fell, self.steps >= 500


class ByHand:
    """Everything in NumPy; the gradient worked out on paper."""

    def __init__(self, sizes: list[int], batch: int, lr: float, every: int, updates: int, target: int) -> None:
        self.batch, self.lr, self.every, self.updates, self.target = batch, lr, every, updates, target
        self.rng = np.random.default_rng(0)
        widths = [4, *sizes, 2]
        self.weights: list[Any] = []
        for width, next_width in pairwise(widths):
            bound = 1 / math.sqrt(width)
            self.weights.append(self.rng.uniform(-bound, bound, (width, next_width)).astype(np.float32))
            self.weights.append(self.rng.uniform(-bound, bound, next_width).astype(np.float32))
        self.old = [each.copy() for each in self.weights]
        self.first = [np.zeros_like(each) for each in self.weights]
        self.second = [np.zeros_like(each) for each in self.weights]
        self.frames, self.after = (np.zeros((100_000, 4), np.float32) for _ in range(2))
        self.actions, self.ended = np.zeros(100_000, np.int64), np.zeros(100_000, np.float32)
        self.pole = Pole(0)
        self.state, self.done, self.learned = self.pole.reset(), 0, 0

    def forward(self, x: Any, weights: list[Any]) -> list[Any]:
        layers = [x]
        for index in range(0, len(weights), 2):
            x = x @ weights[index] + weights[index + 1]
            if index < len(weights) - 2:
                x = np.maximum(x, 0)
            layers.append(x)
        return layers

    def advance(self, steps: int) -> int:
        chance = self.rng.random(steps)
        for number in range(steps):
            if chance[number] < EPSILON:
                action = int(self.rng.integers(2))
            else:
                action = int(self.forward(np.array([self.state], np.float32), self.weights)[-1].argmax())
            after, fell, late = self.pole.step(action)
            row = self.done
            self.frames[row], self.after[row], self.actions[row], self.ended[row] = self.state, after, action, fell
            self.state = self.pole.reset() if fell or late else after
            self.done += 1
            if self.done >= WARM_UP and self.done % self.every == 0:
                rows = self.rng.integers(self.done, size=(self.updates, self.batch))
                for each in rows:
                    self.update(each)
        return steps

    def update(self, rows: Any) -> None:
        best = self.forward(self.after[rows], self.old)[-1].max(axis=1)
        goal = 1.0 + DISCOUNT * (1 - self.ended[rows]) * best
        layers = self.forward(self.frames[rows], self.weights)
        index = np.arange(len(rows))
        slope = np.zeros_like(layers[-1])
        error = layers[-1][index, self.actions[rows]] - goal
        slope[index, self.actions[rows]] = np.clip(error, -1, 1) / len(rows)
        self.learned += 1
        correction = math.sqrt(1 - 0.999**self.learned) / (1 - 0.9**self.learned)
        for place in range(len(self.weights) - 2, -1, -2):
            slopes = (layers[place // 2].T @ slope, slope.sum(axis=0))
            if place:
                slope = (slope @ self.weights[place].T) * (layers[place // 2] > 0)
            for offset, each in enumerate(slopes):
                first, second = self.first[place + offset], self.second[place + offset]
                first += 0.1 * (each - first)
                second += 0.001 * (each * each - second)
                self.weights[place + offset] -= self.lr * correction * first / (np.sqrt(second) + 1e-8)
        if self.learned % self.target == 0:
            self.old = [each.copy() for each in self.weights]


class CleanRL:
    """The loop of cleanrl/dqn.py: Gymnasium's vector environment, torch's modules, a replay as Stable-Baselines3's."""

    def __init__(self, sizes: list[int], batch: int, lr: float, every: int, updates: int, target: int) -> None:
        self.batch, self.every, self.updates, self.target = batch, every, updates, target

        def network() -> nn.Sequential:
            first, second = sizes
            layers = (nn.Linear(4, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 2))
            return nn.Sequential(*layers)

        def environment() -> Any:
            return gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1"))

        mode = gym.vector.AutoresetMode.SAME_STEP
        self.envs = gym.vector.SyncVectorEnv([environment], autoreset_mode=mode)
        self.net, self.old = network(), network()
        self.old.load_state_dict(self.net.state_dict())
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=lr)
        self.frames, self.after = (np.zeros((100_000, 1, 4), np.float32) for _ in range(2))
        self.actions = np.zeros((100_000, 1, 1), np.int64)
        self.rewards, self.ended = (np.zeros((100_000, 1), np.float32) for _ in range(2))
        self.rng = np.random.default_rng(0)
        self.seen, self.done, self.learned = self.envs.reset(seed=0)[0], 0, 0

    def advance(self, steps: int) -> int:
        for _ in range(steps):
            if self.rng.random() < EPSILON:
                actions = np.array([self.envs.single_action_space.sample()])
            else:
                actions = torch.argmax(self.net(torch.Tensor(self.seen)), dim=1).cpu().numpy()
            seen, reward, terminated, truncated, info = self.envs.step(actions)
            after = seen.copy()
            for place, late in enumerate(truncated):
                if late:
                    after[place] = info["final_obs"][place]
            row = self.done
            self.frames[row], self.after[row], self.actions[row] = self.seen, after, actions.reshape(1, 1)
            self.rewards[row], self.ended[row] = reward, terminated
            self.seen = seen
            self.done += 1
            if self.done >= WARM_UP and self.done % self.every == 0:
                for _ in range(self.updates):
                    self.update()
        return steps

    def update(self) -> None:
        rows = self.rng.integers(0, self.done, size=self.batch)
        fields = (
            self.frames[rows, 0],
            self.after[rows, 0],
            self.actions[rows, 0],
            self.ended[rows],
            self.rewards[rows],
        )
        seen, after, actions, ended, rewards = (torch.tensor(each) for each in fields)
        with torch.no_grad():
            best, _ = self.old(after).max(dim=1)
            goal = rewards.flatten() + DISCOUNT * best * (1 - ended.flatten())
        loss = F.mse_loss(goal, self.net(seen).gather(1, actions).squeeze())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.learned += 1
        if self.learned % self.target == 0:
            for own, its in zip(self.net.parameters(), self.old.parameters(), strict=True):
                its.data.copy_(own.data)


class StableBaselines3:
    """The library itself. It rounds up to whole collections, so what it did is counted."""

    def __init__(self, sizes: list[int], batch: int, lr: float, every: int, updates: int, target: int) -> None:
        from stable_baselines3 import DQN

        settings = {"batch_size": batch, "learning_rate": lr, "train_freq": every, "gradient_steps": updates}
        explore = {"exploration_initial_eps": EPSILON, "exploration_final_eps": EPSILON}
        self.model = DQN(
            "MlpPolicy",
            gym.make("CartPole-v1"),
            buffer_size=100_000,
            learning_starts=WARM_UP,
            gamma=DISCOUNT,
            target_update_interval=max(target * every // updates, 1),
            policy_kwargs={"net_arch": sizes},
            device="cpu",
            seed=0,
            **settings,
            **explore,
        )

    def advance(self, steps: int) -> int:
        before = self.model.num_timesteps
        self.model.learn(steps, reset_num_timesteps=False, log_interval=10**9)
        return self.model.num_timesteps - before


class Beside(L.Callback):
    """Every other program, a round after each of the run's; what comes before the first update is not counted."""

    rivals: ClassVar[dict[str, Any]] = {}
    latest: ClassVar[Beside]

    def __init__(self) -> None:
        Beside.latest = self
        self.seconds = dict.fromkeys(["netyard", *self.rivals], 0.0)
        self.steps = dict.fromkeys(["netyard", *self.rivals], 0)
        self.ended: float | None = None

    def on_train_epoch_start(self, *_: Any) -> None:
        self.ended = None  # a validation came between

    def on_train_batch_end(self, trainer: L.Trainer, task: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        counted = trainer.global_step > 2 * WARM_UP
        if counted and self.ended is not None:
            self.seconds["netyard"] += time.perf_counter() - self.ended
            self.steps["netyard"] += len(batch[0])
        for name, rival in self.rivals.items():
            began = time.perf_counter()
            steps = rival.advance(len(batch[0]))
            if counted:
                self.seconds[name] += time.perf_counter() - began
                self.steps[name] += steps
        self.ended = time.perf_counter()


def measure(setting: dict[str, Any], overrides: list[str]) -> dict[str, float]:
    """Environment steps a second of each program."""
    torch.set_num_threads(1)
    Beside.rivals = {"NumPy by hand": ByHand(**setting), "CleanRL's loop": CleanRL(**setting)}
    try:
        Beside.rivals["Stable-Baselines3"] = StableBaselines3(**setting)
    except ImportError:
        print("Stable-Baselines3 is not installed; try pip install --no-deps stable-baselines3")
    words = [
        *("model=dqn", "trainer=cpu", "threads=1", "logger=none", "trainer.max_epochs=3", "data.val_episodes=1"),
        *("data.test_episodes=1", "data.replay_size=100000", f"data.batch_size={setting['batch']}"),
        *("data.steps_per_batch=500", "data.steps_per_epoch=2500", f"optimizer.lr={setting['lr']}"),
        *(f"task.collect_steps={setting['every']}", f"task.updates_per_step={setting['updates'] / setting['every']}"),
        *(f"task.warmup_steps={WARM_UP}", f"task.target_every={setting['target']}", f"task.epsilon_start={EPSILON}"),
        *(f"task.epsilon_end={EPSILON}", f"model.hidden_sizes=[{','.join(map(str, setting['sizes']))}]"),
    ]
    with TemporaryDirectory() as folder:
        where = f"hydra.run.dir={folder}/run"
        beside = ("--allow-target=agent_steps.Beside", "+callbacks.beside._target_=agent_steps.Beside")
        code = train([*words, *beside, where, *overrides])
    if code:
        raise SystemExit(code)
    latest = Beside.latest
    return {name: latest.steps[name] / latest.seconds[name] for name in latest.steps}


def main() -> None:
    # A callback of one's own is one more key; Python finds it as it finds any module.
    sys.path.insert(0, str(Path(__file__).parent))
    from agent_steps import SETTINGS, measure  # where the run will find it, not in __main__

    warnings.filterwarnings("ignore")
    lines, overrides = [], sys.argv[1:]
    for title, setting in SETTINGS.items():
        speeds = measure(setting, overrides)
        lines += ["", title]
        for name, speed in speeds.items():
            lines.append(f"  {name:18} {speed:8,.0f} steps/s   netyard / it {speeds['netyard'] / speed:6.2f}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
