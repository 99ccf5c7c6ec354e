"""What a task can do besides learning, and what is asked of its data: Protocols, which need not be inherited.

A task says what it can do by having the methods. Callbacks, ``netyard predict``, ``generate``, ``evaluate`` and
``export`` ask by ``isinstance``, so a task of a stranger's package is drawn, exported and evaluated as ours are. The
same holds for data: a datamodule whose classes have names is ``NamedClasses``, whoever wrote it.

Members that are no methods may be ``None`` until there is something in them, as ``confusion`` is before a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

Policy = Callable[[Any], Any]
"""Observations of several environments -> the action in each."""

# What a task can do


@runtime_checkable
class Exportable(Protocol):
    """May leave netyard as a file."""

    def export_signature(self) -> Any:
        """What is written: see ``netyard.tasks.signature.ExportSignature``."""


@runtime_checkable
class Predicts(Protocol):
    """Answers for each sample in a row of a table."""

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> Mapping[str, list[Any]]:
        """Inputs (B, ...) as the network takes them, and the names of classes -> columns of B values each."""


@runtime_checkable
class DrawsImages(Protocol):
    """Makes new images."""

    def pictures(self, count: int, seed: int = 0) -> Tensor:
        """Images (count, C, H, W) in [0, 1] on the CPU; the same for the same seed."""


@runtime_checkable
class DrawsClasses(DrawsImages, Protocol):
    """Makes new images of a class that it is told, where ``conditional`` is true."""

    conditional: bool

    def pictures(self, count: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor:
        """As ``DrawsImages``: of one class, of labels (count,), or of all classes in turn."""


@runtime_checkable
class Interpolates(Protocol):
    """Has a code whose points lie between each other."""

    def interpolation(self) -> Tensor | None:
        """From one code to another in each row: (rows, columns, C, H, W) in [0, 1]; None of data without images."""


@runtime_checkable
class Traverses(Protocol):
    """Has a code whose dimensions can be looked at one by one."""

    def traversal(self) -> Tensor:
        """Along one dimension of the code in each row: (rows, columns, C, H, W) in [0, 1]."""


@runtime_checkable
class GeneratesText(Protocol):
    """Writes text of its own, from a prompt."""

    def generate(self, data: Any, **options: Any) -> str:
        """A text; ``data`` knows the vocabulary."""


@runtime_checkable
class Acts(Protocol):
    """Chooses actions in an environment; ``episodes`` are the (return, length) of the episodes of the last test."""

    episodes: list[tuple[float, int]]

    def greedy(self, observations: Any) -> Any:
        """Observations (B, ...) -> the action of each, int64 (B,)."""


# Results that a validation or test keeps for callbacks and reports


@runtime_checkable
class CountsConfusion(Protocol):
    """``confusion`` (C, C) counts the test samples of each class, rows true and columns predicted."""

    confusion: Tensor | None


@runtime_checkable
class MeasuresCalibration(Protocol):
    """``calibration`` compares how sure a classifier was with how often it was right."""

    calibration: Any


@runtime_checkable
class KeepsMistakes(Protocol):
    """``mistakes`` are the test samples that a classifier was most sure of and wrong about."""

    mistakes: Any


@runtime_checkable
class KeepsProbabilities(Protocol):
    """``scored`` are the probabilities (N, C) and labels (N,) of every test sample."""

    scored: Any


@runtime_checkable
class EvaluatesNumbers(Protocol):
    """Of a regression's or a forecast's test: (N, T) each, in the targets' own units."""

    predicted: Tensor | None
    true: Tensor | None


@runtime_checkable
class LooksAhead(Protocol):
    """Its outputs are the next ``horizon`` steps; windows nearer to each other than that share true values."""

    @property
    def horizon(self) -> int: ...


@runtime_checkable
class KeepsForecast(Protocol):
    """``forecast`` is the last window with what came next."""

    forecast: Any


@runtime_checkable
class Reconstructs(Protocol):
    """``reconstructions`` are inputs and outputs, (N, C, H, W) in [0, 1] each."""

    reconstructions: Any


@runtime_checkable
class KeepsCodes(Protocol):
    """``codes`` are those of test samples, with their labels and images."""

    codes: Any


@runtime_checkable
class MeasuresCodes(Protocol):
    """``latent_use`` has statistics of each dimension of a code."""

    latent_use: Any


@runtime_checkable
class Translates(Protocol):
    """``translations`` are sources, true targets and predicted ones, as tokens."""

    translations: Any


# How a task learns; ``netyard.tasks.learner.Learner`` implements all of these


@runtime_checkable
class HasParts(Protocol):
    """What learns, by names for its curves; several where each has a loss of its own."""

    @property
    def parts(self) -> dict[str, nn.Module]: ...


@runtime_checkable
class HasOutputs(Protocol):
    """``num_outputs`` is the number of classes, targets or actions that the network outputs."""

    num_outputs: int | None


@runtime_checkable
class SaysHowItLearns(Protocol):
    """What may be concluded from a training loss, and what may be done to a network.

    ``loss_shows_progress``: whether a smaller training loss is a better network. ``compilable``: whether a step calls
    the network once as a whole, so that ``torch.compile`` helps.
    """

    loss_shows_progress: bool
    compilable: bool


@runtime_checkable
class StepsInEnvironments(Protocol):
    """Counts steps of environments: so many in one batch."""

    @property
    def steps_per_batch(self) -> int: ...


# Interfaces of networks and losses


@runtime_checkable
class HasAuxiliaryHeads(Protocol):
    """A network with auxiliary classifiers, and the weight of their losses."""

    auxiliary_weight: float


@runtime_checkable
class Noisy(Protocol):
    """A network that explores by noise in its layers, if ``noisy``."""

    noisy: bool


@runtime_checkable
class BoundedLength(Protocol):
    """A network that takes sequences of at most ``max_length`` steps."""

    max_length: int


@runtime_checkable
class ValuesActions(Protocol):
    """A loss of return distributions that also computes their expected values."""

    def values(self, output: Tensor) -> Tensor:
        """What a network returns -> the value of each action (B, num_actions)."""


@runtime_checkable
class Unfreezes(Protocol):
    """A network part of which was frozen."""

    def unfreeze(self) -> None: ...


# Interfaces of data


@runtime_checkable
class LabelledData(Protocol):
    """Samples have one class of ``num_classes``; None where this data set has none after all."""

    num_classes: int | None


@runtime_checkable
class NamedClasses(Protocol):
    """Classes have names, in the order of their numbers; None where this data set has numbers alone."""

    class_names: list[str] | None


@runtime_checkable
class SampledData(Protocol):
    """Samples have a fixed shape, (C, H, W) of images."""

    input_shape: Any


@runtime_checkable
class ImageData(Protocol):
    """Images of ``image_size`` pixels a side; None where this data set has none after all."""

    image_size: int | None

    def denormalize(self, x: Tensor) -> Tensor:
        """What a network sees -> (B, C, H, W) in [0, 1]."""


@runtime_checkable
class NormalizedImages(ImageData, Protocol):
    """Images of which each channel has mean 0 and standard deviation 1 to a network; lists of C numbers."""

    mean: list[float] | None
    std: list[float] | None

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the training part, (C, 1, 1) each."""


@runtime_checkable
class RealImages(SampledData, Protocol):
    """Images that made ones can be compared with."""

    def real_pictures(
        self, name: str, most: int | None = None, batch_size: int = 256, seed: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images of a part (b, C, H, W) in [0, 1], and their labels (b,)."""


@runtime_checkable
class TextData(Protocol):
    """Samples are tokens."""

    def decode(self, tokens: Tensor) -> str: ...


@runtime_checkable
class TokenStream(Protocol):
    """Text to continue, whose tokens are of known lengths in characters."""

    def token_lengths(self) -> Tensor: ...


@runtime_checkable
class DescribesData(Protocol):
    """Data with a description that can be saved: names of classes, columns, vocabularies."""

    def labels(self) -> list[str]: ...

    def state_dict(self) -> dict[str, Any]: ...


@runtime_checkable
class NormalizedData(Protocol):
    """``own_units`` is the unit of an input before it is normalised; None if it is not normalised."""

    @property
    def own_units(self) -> str | None: ...

    def normalize(self, x: Tensor) -> Tensor:
        """Samples in those units -> as a network sees them."""


@runtime_checkable
class PlainTraining(Protocol):
    """Can show its training part in one fixed order, without augmentation."""

    def plain_train_dataloader(self) -> Any: ...


@runtime_checkable
class AugmentedData(Protocol):
    """``augmentation`` changes training samples; None where nothing does."""

    augmentation: Any


@runtime_checkable
class EnvironmentData(Protocol):
    """Environments in which an agent acts."""

    def open(self, n_steps: int, discount: float, prioritized: bool, device: Any) -> Any: ...

    def step(self, actions: Any) -> None: ...

    def run_episodes(self, policy: Policy, purpose: int, episodes: list[int]) -> list[tuple[float, int]]: ...

    def record_episode(self, policy: Policy, episode: int = 0, every: int = 1, limit: int = 3_000) -> Any: ...


def class_names(data: Any) -> list[str] | None:
    """The names of the classes; None of data without classes, or whose classes have numbers alone."""
    return data.class_names if isinstance(data, NamedClasses) else None


def has_classes(data: Any) -> bool:
    """Whether each sample has a class."""
    return isinstance(data, LabelledData) and bool(data.num_classes)


def shows_images(data: Any) -> bool:
    """Whether samples are images, (C, H, W), and not rows of a table or sequences."""
    return isinstance(data, SampledData) and len(data.input_shape or ()) == 3


def mixes_samples(data: Any) -> bool:
    """Whether an augmentation mixes training samples and their labels, as mixup does."""
    return isinstance(data, AugmentedData) and bool(data.augmentation is not None and data.augmentation.mixes)


def knows_classes(task: Any) -> bool:
    """Whether a task tells classes apart, or is told them: then other data must have the same."""
    return task.conditional if isinstance(task, DrawsClasses) else isinstance(task, HasOutputs)


def lacks(what: Any, *names: str) -> list[str]:
    """Which of the members are missing.

    Not ``isinstance`` with a Protocol: from Python 3.12 on that does not find submodules, which torch keeps elsewhere.
    """
    return [name for name in names if not hasattr(what, name)]
