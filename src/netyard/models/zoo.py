"""All architectures of timm and torchvision, for any image size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.resize import Resize
from netyard.layers.small_image import fold_repeated_pool, keep_early_size, num_kept
from netyard.models.libraries import Library, create, find_size, library_heads
from netyard.models.weight_files import WeightFile, load, misfits, read
from netyard.models.weights import timm_published, torchvision_published
from netyard.ranges.bounds import Count, Index, NotNegative, Probability, Unit
from netyard.ranges.image_size import ImageSize, height_and_width
from netyard.ranges.signature import check

# The name of the parameter for the dropout before the output layer, for each library.
_DROPOUT_ARGUMENT = {"timm": "drop_rate", "torchvision": "dropout", "netyard": "dropout"}


class ZooNet(nn.Module):
    """A network of a library, adapted to channels, image size and number of outputs of the data.

    (B, in_channels, H, W) -> (B, num_outputs) logits; ``image_size`` is the side of squares, or H and W. In training a
    network with auxiliary heads returns a tuple, the logits first, and ``auxiliary_weight`` is the weight of each
    further loss. ``network`` is the module of the library: with three channels and the native size its state dict is
    that of the library.

    Small images are handled as the file in ``conf/family`` says:

    * ``early_strides``: these layers, which halve the image first, get a stride of 1, as many of them as needed; for
      images below ``tiny_size`` only the first one, since more would cost time and not improve the accuracy;
    * ``minimum_size``: smaller images are enlarged on the device; with ``probe_size`` the size is found by trying;
    * ``fold``: a pool that would only repeat the pixels of a small map is merged with the linear layer after it.

    None of this depends on ``pretrained``, so that a checkpoint can be loaded into a network that was built without the
    published weights.

    Args:
        library: ``timm``, ``torchvision`` or ``netyard`` (for architectures that neither of them has).
        architecture: its name in the library.
        pretrained: true for the published weights of the library, or a file or run directory, see ``read``.
        preprocessing: whose mean, std, filter and crop the images get, the weights' or the data's; None: the weights'
            if they are pretrained. Read by ``training.preprocessing`` before the data are; the network is the same.
        freeze: ``backbone``: train the output layers only, until ``unfreeze()`` is called.
        dropout: before the output layer; None: the default of the library.
        auxiliary: whether to build auxiliary heads; None for an architecture without any.
        auxiliary_map_size: smaller maps are enlarged before an auxiliary head.
        batch_norm_momentum: None: that of the library. With 0.01 validation is at chance for hundreds of steps.
        heads: paths of the output layers, the main one first; not needed for timm.
        arguments: further arguments of the constructor of the library.

    Raises:
        ArgumentError: an unknown name, a size below 1, a dropout outside [0, 1), a file that does not fit.
        OSError: the published weights cannot be downloaded.
    """

    def __init__(
        self,
        library: Library,
        architecture: str,
        num_outputs: Count,
        in_channels: Count,
        image_size: ImageSize,
        pretrained: bool | str | None = False,
        preprocessing: Literal["weights", "data"] | None = None,
        freeze: Literal["backbone"] | None = None,
        dropout: Probability | None = None,
        auxiliary: bool | None = None,
        auxiliary_weight: NotNegative = 0.0,
        auxiliary_map_size: Count = 1,
        early_strides: Sequence[str] = (),
        tiny_size: Index = 0,
        minimum_size: Count = 1,
        batch_norm_momentum: Unit | None = None,
        probe_size: bool = False,
        fold: Sequence[str] = (),
        heads: Sequence[str] = (),
        arguments: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check(ZooNet, locals(), "model")
        arguments = dict(arguments or {})
        if dropout is not None:
            arguments[_DROPOUT_ARGUMENT.get(library, "dropout")] = dropout
        if auxiliary is not None:
            arguments["aux_logits"] = auxiliary
        given = height_and_width(image_size)
        size = _at_least(given, minimum_size)  # height and width at which the network itself runs
        if probe_size:
            size, made_for_size = find_size(architecture, num_outputs, in_channels, size, **arguments)
            arguments |= made_for_size
        if library == "timm" and pretrained is True:  # timm adapts and loads its weights in one call
            network = timm_published(architecture, num_outputs, in_channels, **arguments)
        else:
            network = create(library, architecture, num_outputs, in_channels, **arguments)

        self._made_by = (library, architecture, num_outputs, in_channels, arguments)  # for `loaded_by`
        self.resize = Resize(size) if size != given else nn.Identity()
        self.network = network
        heads = tuple(heads) or library_heads(network)
        self.heads = tuple(path for path in heads if _has(network, path))
        self.auxiliary_weight = auxiliary_weight
        file: WeightFile | None = None
        if isinstance(pretrained, str):
            file = read(pretrained)
        elif pretrained and library != "timm":
            file = WeightFile("model.pretrained=true", torchvision_published(architecture, network))
        # A file may hold weights of the published architecture or of its version for small images. The former are
        # loaded before the change, so that kernels are resized with their weights, the latter after it.
        is_native = file is not None and not misfits(network, file.weights_of(network).state, heads)
        if file is not None and is_native:
            load(network, file, heads)
        early = early_strides[: 1 if min(size) < tiny_size else num_kept(min(size), len(early_strides))]
        # Random kernels are not resized but drawn again: the interpolation of noise would have another variance.
        keep_early_size(network, early, shrink_weights=is_native or pretrained is True)
        if fold:  # after the strides, which decide how large the map before the pool is
            pool, linear = fold
            fold_repeated_pool(network, pool, linear, in_channels, size)
        if file is not None and not is_native:
            load(network, file, heads)

        if batch_norm_momentum is not None:
            for module in network.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                    module.momentum = batch_norm_momentum
        for path in self.heads[1:]:
            # The head with its own pool and convolutions, of which the path names the last layer (aux1.fc2).
            auxiliary_head = network.get_submodule(path.split(".")[0])
            auxiliary_head.register_forward_pre_hook(partial(_enlarge_map, auxiliary_map_size))
        self._frozen: tuple[str, ...] = ()
        if freeze == "backbone":
            self._freeze_backbone()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.network(self.resize(x))

    def train(self, mode: bool = True) -> ZooNet:
        """Set training mode, but keep batch norm of a frozen backbone in evaluation mode."""
        super().train(mode)
        # Otherwise its running statistics would change with the data, although its weights are frozen.
        if self._frozen:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                    module.eval()
        return self

    def unfreeze(self) -> None:
        """Make all frozen parameters trainable again."""
        for name in self._frozen:  # these only: the library may have parameters that are never trained
            self.network.get_parameter(name).requires_grad_(True)
        self._frozen = ()
        self.train(self.training)  # puts batch norm back into training mode

    def loaded_by(self) -> str:
        """Return a sentence that says which call of the library builds a network for this state dict, or why none."""
        library, architecture, num_outputs, in_channels, arguments = self._made_by
        channels = {"in_chans": in_channels} if library == "timm" else {}
        with torch.device("meta"):  # shapes are enough to compare
            native = create(library, architecture, num_outputs, in_channels if channels else 3, **arguments)
        if lines := misfits(native, self.network.state_dict(), ()):
            return f"{library}'s own {architecture} cannot load them, as they are adapted to the data: {lines[0]}"
        given = {"num_classes": num_outputs, **channels, **arguments}
        call = {"timm": "timm.create_model", "torchvision": "torchvision.models.get_model"}.get(library)
        if call is None:
            return f"netyard's own {architecture} can load them"
        call_arguments = ", ".join([repr(architecture), *(f"{name}={value!r}" for name, value in given.items())])
        return f"{call}({call_arguments}) can load them"

    def _freeze_backbone(self) -> None:
        """Exclude all parameters but those of the output layers from training."""
        if not self.heads:
            raise ArgumentError(
                "freeze is backbone, but the output layer of this network is unknown;",
                "it is needed, as all other layers are frozen;",
                "try model.freeze=null.",
            )
        # With a dot at the end, so that fc does not match fc2.
        trainable = tuple(f"{head}." for head in self.heads)
        frozen = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        frozen = [(name, p) for name, p in frozen if not name.startswith(trainable)]
        for _, parameter in frozen:
            parameter.requires_grad_(False)
        self._frozen = tuple(name for name, _ in frozen)
        self.train(self.training)


def _at_least(size: tuple[int, int], smallest: int) -> tuple[int, int]:
    """Return height and width, both enlarged by the same factor if the shorter one is below ``smallest``."""
    short = min(size)
    return size if short >= smallest else (size[0] * smallest // short, size[1] * smallest // short)


def _has(network: nn.Module, path: str) -> bool:
    """Return whether there is a layer with weights at a path; auxiliary heads that were not built are None."""
    try:
        return any(True for _ in network.get_submodule(path).parameters())
    except AttributeError:
        return False


def _enlarge_map(smallest: int, _: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Enlarge the map before an auxiliary head to ``smallest`` pixels a side, if it is smaller."""
    x = inputs[0]
    # The heads have convolutions without padding, which a smaller map would not survive. An adaptive pool to a larger
    # size repeats pixels.
    if min(x.shape[-2:]) >= smallest:
        return inputs
    return (F.adaptive_avg_pool2d(x, [max(side, smallest) for side in x.shape[-2:]]),)
