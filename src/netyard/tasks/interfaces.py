"""Protocols of optional features of tasks, networks, losses and datamodules; they need not be inherited.

A task has a feature if it has the members of its Protocol. Callbacks, ``netyard predict``, ``generate``, ``evaluate``
and ``export`` check with ``isinstance``, so the tasks of other packages are plotted, exported and evaluated like those
of netyard. The same holds for data: a datamodule with the attribute ``class_names`` is a ``NamedClasses``.

Attributes may be ``None`` until they have a value, as ``confusion`` before a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

Policy = Callable[..., Any]
"""A function of the observations of several environments, and of masks of valid actions if there are any, that returns
the action in each."""

# Features of tasks. ``isinstance`` with a runtime-checkable Protocol looks only for the names of its members, not at
# their types or parameters: a member of the same name must have the meaning that is described here.


@runtime_checkable
class Exportable(Protocol):
    """A task that ``netyard export`` can write to a file."""

    def export_signature(self) -> Any:
        """Return the function that is exported: see ``netyard.tasks.signature.ExportSignature``."""


@runtime_checkable
class StatesExportFacts(Protocol):
    """A task with facts for the metadata of an exported file, such as thresholds."""

    def export_facts(self) -> dict[str, Any]:
        """Return entries in plain types."""


@runtime_checkable
class Predicts(Protocol):
    """A task that ``netyard predict`` can use: it returns one row of a table for each sample."""

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> Mapping[str, list[Any]]:
        """Normalised inputs (B, ...) and the names of classes -> columns by name, of B values each."""


@runtime_checkable
class PredictsText(Protocol):
    """A task that ``netyard predict`` can use, whose predictions are texts."""

    def translation_columns(self, x: Tensor, data: Any) -> Mapping[str, list[str]]:
        """Tokens (B, S) and the data that decode them -> columns by name, of B texts each."""


@runtime_checkable
class DrawsImages(Protocol):
    """A task that generates images."""

    def pictures(self, count: int, seed: int = 0) -> Tensor:
        """Generate images (count, C, H, W) in [0, 1] on the CPU; equal seeds give equal images."""


@runtime_checkable
class DrawsClasses(DrawsImages, Protocol):
    """A task that generates images of a given class, if ``conditional`` is true."""

    conditional: bool

    def pictures(self, count: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor:
        """Generate images of one class, of labels (count,), or of each class in turn; see ``DrawsImages``."""


@runtime_checkable
class DrawsRows(Protocol):
    """A task that generates samples of data that are no images."""

    def rows(self, count: int, seed: int = 0) -> Tensor:
        """Generate normalised samples (count, *input_shape) on the CPU; equal seeds give equal samples.

        If the task has ``conditional`` and it is true, it takes ``label`` as ``DrawsClasses.pictures`` does.
        """


@runtime_checkable
class DecodesCodes(Protocol):
    """A task that makes samples of codes; ``code_shape`` is the shape of one."""

    @property
    def code_shape(self) -> tuple[int, ...]: ...

    def decoded(self, codes: Tensor, label: int | None = None) -> Tensor:
        """Codes float32 (N, K) -> images (N, C, H, W) in [0, 1], or normalised rows (N, num_features), on the CPU."""


@runtime_checkable
class ExportsParts(DecodesCodes, Protocol):
    """A task whose encoder and decoder can be exported beside its network."""

    def encoder_signature(self) -> Any:
        """Return the function from normalised inputs to codes: see ``tasks.signature.encoder_signature``."""

    def decoder_signature(self) -> Any:
        """Return the function from codes to what ``decoded`` returns: see ``tasks.signature.decoder_signature``."""


@runtime_checkable
class EncodesCodes(DecodesCodes, Protocol):
    """A task with an encoder, whose codes are continuous."""

    def codes_of(self, x: Tensor) -> Tensor:
        """Normalised inputs (B, ...) -> codes (B, K)."""


@runtime_checkable
class Interpolates(Protocol):
    """A task that can decode points between two codes."""

    def interpolation(self) -> Tensor | None:
        """Decode rows from one code to another: (rows, columns, C, H, W) in [0, 1]; None if the data are not images."""


@runtime_checkable
class Traverses(Protocol):
    """A task that can vary one dimension of a code at a time."""

    def traversal(self) -> Tensor:
        """Decode one varying dimension of the code in each row: (rows, columns, C, H, W) in [0, 1]."""


@runtime_checkable
class GeneratesText(Protocol):
    """A task that generates text from a prompt."""

    def generate(self, data: Any, **options: Any) -> str:
        """Return a text; ``data`` encodes the prompt and decodes the tokens."""


@runtime_checkable
class Acts(Protocol):
    """A task that chooses actions in an environment.

    ``episodes`` are (return, length) of each episode of the last validation or test.
    """

    episodes: list[tuple[float, int]]

    def greedy(self, observations: Any, masks: Any = None) -> Any:
        """Return the best valid action for each observation: (B, ...) -> int64 (B,), NumPy arrays."""


# Results of a validation or test that callbacks and reports read


@runtime_checkable
class CountsConfusion(Protocol):
    """``confusion`` (C, C) is the confusion matrix of a test; rows are true classes, columns predicted ones."""

    confusion: Tensor | None


@runtime_checkable
class MeasuresCalibration(Protocol):
    """``calibration`` compares a classifier's confidence with its accuracy; see ``metrics.calibration``."""

    calibration: Any


@runtime_checkable
class KeepsMistakes(Protocol):
    """``mistakes`` are the misclassified test samples with the highest confidence."""

    mistakes: Any


@runtime_checkable
class KeepsProbabilities(Protocol):
    """``scored`` are the probabilities (N, C) and labels of all test samples: classes (N,), or bool (N, C) for sets."""

    scored: Any


@runtime_checkable
class ScoresLabels(Protocol):
    """``label_table`` has the scores of each label in a test, a row for each; empty before a test."""

    @property
    def label_table(self) -> list[dict[str, Any]]: ...


@runtime_checkable
class KeepsAlarms(Protocol):
    """``alarms`` are the scores of all test samples and their threshold; see ``netyard.tasks.parts.alarms.Alarms``."""

    alarms: Any


@runtime_checkable
class EvaluatesNumbers(Protocol):
    """``predicted`` and ``true`` are the numbers of a regression's or forecast's test: (N, T) each, in own units."""

    predicted: Tensor | None
    true: Tensor | None


@runtime_checkable
class LooksAhead(Protocol):
    """A task that predicts the next ``horizon`` steps; windows that start less than this apart share true values."""

    @property
    def horizon(self) -> int: ...


@runtime_checkable
class KeepsForecast(Protocol):
    """``forecast`` is the last window with its forecast; see ``netyard.tasks.forecasting.Forecast``."""

    forecast: Any


@runtime_checkable
class Reconstructs(Protocol):
    """``reconstructions`` are inputs and outputs, (N, C, H, W) in [0, 1] each."""

    reconstructions: Any


@runtime_checkable
class KeepsCodes(Protocol):
    """``codes`` are codes of test samples with their labels and images."""

    codes: Any


@runtime_checkable
class MeasuresCodes(Protocol):
    """``latent_use`` contains statistics of each dimension of the code."""

    latent_use: Any


@runtime_checkable
class Translates(Protocol):
    """``translations`` are sources, true targets and predicted targets, as tokens."""

    translations: Any


# Features of callbacks


@runtime_checkable
class ScoresSamples(Protocol):
    """A callback that compares generated samples with real ones by ``scorer``: see ``metrics.sample_scorer``."""

    scorer: Any


# How a task is trained; ``netyard.tasks.learner.Learner`` implements the first and the third


@runtime_checkable
class HasBaselines(Protocol):
    """A task that is compared with models without a network: ``baseline_kind`` is a kind of ``baselines.kinds``."""

    baseline_kind: str


@runtime_checkable
class HasParts(Protocol):
    """``parts`` are the trained networks by the name of their curves; several if each has its own loss."""

    @property
    def parts(self) -> dict[str, nn.Module]: ...


@runtime_checkable
class HasOutputs(Protocol):
    """``num_outputs`` is the number of outputs of the network: of classes, targets, tokens or actions."""

    num_outputs: int | None


@runtime_checkable
class SaysHowItLearns(Protocol):
    """Properties of the training loss and step.

    ``loss_shows_progress``: whether a smaller training loss means a better network. ``compilable``: whether a step
    calls the whole network once by ``forward``, so that ``torch.compile`` can be used.
    """

    loss_shows_progress: bool
    compilable: bool


@runtime_checkable
class LogsCutEpochs(Protocol):
    """A task that logs what it has of an epoch that ends before its last batch, and keeps it for a resumed run."""

    def log_cut_epoch(self) -> None: ...


@runtime_checkable
class FollowsSchedules(Protocol):
    """A task whose schedules depend on the length of the run, which a resumed run may keep as it was planned."""

    schedule_steps: float | None
    """The length that they are planned for, in the steps of the run; None until it is known."""


@runtime_checkable
class StepsInEnvironments(Protocol):
    """A task whose batches are rollouts; ``steps_per_batch`` is the number of environment steps in one."""

    @property
    def steps_per_batch(self) -> int: ...


# Interfaces of networks and losses


@runtime_checkable
class HasAuxiliaryHeads(Protocol):
    """A network with auxiliary classifiers; ``auxiliary_weight`` is the weight of their losses."""

    auxiliary_weight: float


@runtime_checkable
class Noisy(Protocol):
    """A network with noisy layers for exploration, if ``noisy`` is true."""

    noisy: bool


@runtime_checkable
class BoundedLength(Protocol):
    """A network that takes sequences of at most ``max_length`` steps."""

    max_length: int


@runtime_checkable
class ValuesActions(Protocol):
    """A loss of return distributions that also computes their expected values."""

    def values(self, output: Tensor) -> Tensor:
        """The network's output -> the expected return of each action (B, num_actions)."""


@runtime_checkable
class Unfreezes(Protocol):
    """A network of which a part is frozen until ``unfreeze`` is called."""

    def unfreeze(self) -> None: ...


# Interfaces of data


@runtime_checkable
class LabelledData(Protocol):
    """Each sample has one of ``num_classes`` classes; None if the data set turns out to have no classes."""

    num_classes: int | None


@runtime_checkable
class HasSplits(Protocol):
    """A datamodule that gives the samples of a split."""

    def split(self, name: str) -> Any:
        """The split ``train``, ``val`` or ``test``; its ``y`` are the targets of all samples."""


@runtime_checkable
class NamedClasses(Protocol):
    """``class_names`` are the names of classes or labels in the order of their numbers; None if they have no names."""

    class_names: list[str] | None


@runtime_checkable
class NamedTargets(Protocol):
    """``target_names`` are the names of the targets of a regression with several; else None."""

    target_names: list[str] | None


@runtime_checkable
class NamesColumns(Protocol):
    """Series whose forecast columns have names; several targets have their own errors under these."""

    @property
    def target_columns(self) -> list[str]: ...


@runtime_checkable
class MeasuresDrift(Protocol):
    """Series that know how far the trend of their training part leads from its mean, in standard deviations."""

    @property
    def level_drift(self) -> float: ...


@runtime_checkable
class DescribesSeries(Protocol):
    """Series that say what an input is: channels, order, frequency and season; see ``Series.describe_series``."""

    def describe_series(self) -> dict[str, Any]: ...


@runtime_checkable
class DatesForecasts(Protocol):
    """Series that know the dates of a window."""

    def forecast_dates(self, name: str, past: Tensor) -> list[str] | None:
        """The dates of the last window of a split, whose values are ``past`` (W,), and of the steps after it."""


@runtime_checkable
class GuessesTarget(Protocol):
    """Data that guess whether the target is a class or a number."""

    @property
    def target_correction(self) -> str:
        """What the user types if it is the other; empty if it cannot be."""
        ...


@runtime_checkable
class SummarizesData(Protocol):
    """Data that tell what was read; see ``DataModule.summary`` for the keys."""

    def summary(self) -> dict[str, Any]: ...


@runtime_checkable
class TestsFiles(Protocol):
    """Data in files of the user, all samples of which can be tested by a network that was trained on others.

    ``GIVEN`` is the field that names the files and what is in them, None if there is none; ``sources`` and
    ``left_out`` are what the summary has.
    """

    GIVEN: tuple[str, str] | None
    sources: dict[str, str]
    left_out: list[dict[str, Any]]

    @property
    def tests_all(self) -> bool: ...

    def test_all(self) -> None:
        """Have every split be all of the samples; before they are read."""

    def train_on(self, data: Callable[[], Any]) -> None:
        """Let the training split be that of other data, which are built when it is needed."""

    def files_key(self) -> str | None:
        """A hash of the files."""


@runtime_checkable
class RemarksOnData(Protocol):
    """A task that says where its defaults meet data that they were not made for."""

    def remarks(self, data: Any) -> list[str]:
        """Sentences for the summary of the data, before training."""


@runtime_checkable
class SampledData(Protocol):
    """Samples have a fixed shape, which is (C, H, W) for images."""

    input_shape: Any


@runtime_checkable
class ImageData(Protocol):
    """Images of ``image_size``, the side of squares or height and width; None if the data set has no images."""

    image_size: int | list[int] | None

    def denormalize(self, x: Tensor) -> Tensor:
        """Normalised images -> pixels (B, C, H, W) in [0, 1]."""


@runtime_checkable
class NormalizedImages(ImageData, Protocol):
    """Images whose channels are normalised to mean 0 and standard deviation 1; ``mean`` and ``std`` have C numbers."""

    mean: list[float] | None
    std: list[float] | None

    def pixel_statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the training split, (C, 1, 1) each."""


@runtime_checkable
class PreparesImages(Protocol):
    """Data that say how an image file becomes an input of the network."""

    def describe_preparation(self) -> dict[str, Any] | None:
        """The steps by name, with ``scale`` and ``shift`` of each channel; None without image files."""


@runtime_checkable
class RealSamples(SampledData, Protocol):
    """Real images or rows that generated ones can be compared with."""

    def real_samples(
        self, name: str, most: int | None = None, batch_size: int = 256, seed: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of a split: images (b, C, H, W) in [0, 1] or normalised rows (b, F), and their targets (b,)."""


@runtime_checkable
class WritesCells(Protocol):
    """Data whose samples can be written as rows of a table."""

    def cells(self, samples: Tensor) -> dict[str, list[Any]]:
        """Normalised samples (N, ...) -> columns by name, of N numbers, words or None each."""


@runtime_checkable
class TextData(Protocol):
    """Samples are sequences of tokens."""

    def decode(self, tokens: Tensor) -> str: ...


@runtime_checkable
class DescribesTexts(Protocol):
    """Data that say how well a vocabulary fits their texts."""

    def describe_texts(self) -> dict[str, dict[str, Any]]:
        """The facts of each vocabulary, with a ``sentence``."""


@runtime_checkable
class ReadsTexts(Protocol):
    """Data that make inputs of a network of texts."""

    def text_inputs(self, texts: Sequence[str]) -> Any:
        """The texts as inputs of ``netyard predict``, a row each, also of empty ones."""


@runtime_checkable
class PairData(Protocol):
    """Pairs of texts: ``decode_source`` is for tokens of the source, ``decode`` for those of the target."""

    def decode_source(self, tokens: Any) -> str: ...

    def decode(self, tokens: Any) -> str: ...


@runtime_checkable
class TokenStream(Protocol):
    """Text for language modelling; ``token_lengths`` are the numbers of characters in each token, (V,)."""

    def token_lengths(self) -> Tensor: ...


@runtime_checkable
class DescribesData(Protocol):
    """Data whose names of classes, columns or vocabulary are saved with a run.

    ``output_names`` are those of classes, labels, or several targets, in the order of the network's outputs.
    """

    def output_names(self) -> list[str]: ...

    def state_dict(self) -> dict[str, Any]: ...


@runtime_checkable
class NormalizedData(Protocol):
    """``own_units`` describes the unit of an input before it is normalised; None if it is not normalised."""

    @property
    def own_units(self) -> str | None: ...

    def normalize(self, x: Tensor) -> Tensor:
        """Samples in those units -> normalised samples."""


@runtime_checkable
class PlainTraining(Protocol):
    """Data that can load the training split in a fixed order, without augmentation."""

    def plain_train_dataloader(self) -> Any: ...


@runtime_checkable
class AugmentedData(Protocol):
    """``augmentation`` is applied to training batches; None if there is no augmentation."""

    augmentation: Any


@runtime_checkable
class EnvironmentData(Protocol):
    """Environments for reinforcement learning."""

    def open(self, n_steps: int, discount: float, prioritized: bool, device: Any) -> Any: ...

    def step(self, actions: Any) -> None: ...

    def run_episodes(self, policy: Policy, purpose: int, episodes: list[int]) -> list[tuple[float, int]]: ...

    def record_episode(self, policy: Policy, episode: int = 0, every: int = 1, limit: int = 3_000) -> Any: ...


@runtime_checkable
class RemarksOnEpisodes(Protocol):
    """Environments that say what their training episodes show to be wrong."""

    def remarks_on_episodes(self, finished: bool) -> list[str]:
        """Sentences for the log after the first epoch, and after the last, when training is ``finished``."""


@runtime_checkable
class DescribesEnvironment(Protocol):
    """Environments that are described in the metadata of an exported policy."""

    def describe_environment(self) -> dict[str, Any]:
        """Return entries in plain types: the actions in the order of the outputs, the parts of an observation."""


def class_names(data: Any) -> list[str] | None:
    """Return the names of the classes; None if there are no classes, or they have no names."""
    return data.class_names if isinstance(data, NamedClasses) else None


def target_names(data: Any) -> list[str] | None:
    """Return the names of a regression's targets; None if there is one, or they have no names."""
    return data.target_names if isinstance(data, NamedTargets) else None


def has_classes(data: Any) -> bool:
    """Whether each sample has a class."""
    return isinstance(data, LabelledData) and bool(data.num_classes)


def has_split(data: Any, name: str) -> bool:
    """Whether the data have a split ``val`` or ``test``; they do unless they say otherwise."""
    found = getattr(data, "has_split", None)
    return bool(found(name)) if callable(found) else True


def has_training(data: Any) -> bool:
    """Whether there are training samples that are not tested."""
    return bool(getattr(data, "has_training", True))


def shows_images(data: Any) -> bool:
    """Whether samples are images, (C, H, W), and not rows of a table or sequences."""
    return isinstance(data, SampledData) and len(data.input_shape or ()) == 3


def shows_rows(data: Any) -> bool:
    """Whether samples are rows of a table, (F,)."""
    return isinstance(data, SampledData) and len(data.input_shape or ()) == 1


def scored_as(task: Any, data: Any) -> str | None:
    """As what generated samples are compared with those of the data: ``images`` or ``rows``; None if they are not."""
    if not isinstance(data, RealSamples):
        return None
    if isinstance(task, DrawsRows) and shows_rows(data):
        return "rows"
    # Sequences are not compared.
    return "images" if isinstance(task, DrawsImages) and shows_images(data) else None


def mixes_samples(data: Any) -> bool:
    """Whether an augmentation mixes training samples and their labels, as mixup does."""
    return isinstance(data, AugmentedData) and bool(data.augmentation is not None and data.augmentation.mixes)


def depends_on_classes(task: Any) -> bool:
    """Whether a task predicts classes or takes them as input, so that other data must have the same classes."""
    # An unconditional generator has ``num_outputs`` too, but does not use it.
    return task.conditional if isinstance(task, DrawsClasses) else isinstance(task, HasOutputs)


def lacks(what: Any, *names: str) -> list[str]:
    """Return the names of missing members.

    Not by ``isinstance`` with a Protocol: since Python 3.12 it uses ``inspect.getattr_static``, which does not find
    submodules, parameters and buffers, because torch returns them from ``Module.__getattr__``.
    """
    return [name for name in names if not hasattr(what, name)]
