"""Every architecture of timm and torchvision, at every image size."""

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
from netyard.models.weights import StateDict, load, misfits, read, timm_published, torchvision_published
from netyard.ranges.bounds import Count, Index, NotNegative, Probability, Unit
from netyard.ranges.signature import check

# What each library calls the dropout before its output layer.
_DROPOUT_ARGUMENT = {"timm": "drop_rate", "torchvision": "dropout", "netyard": "dropout"}


class ZooNet(nn.Module):
    """A library's network, fitted to the data's channels, image size and number of outputs.

    (B, in_channels, image_size, image_size) -> (B, num_outputs) logits; while training, a network with
    auxiliary heads returns a tuple, the logits first, and ``auxiliary_weight`` is what the loss of each
    further one counts. ``network`` is the library's module: at three channels and the native size its state
    dict is the library's own.

    A small image means, as the family file says:

    * ``early_strides``: the layers that halve the image first are made to keep its size, as many as needed;
      below ``tiny_size`` only the first, where more would cost time and gain nothing;
    * ``minimum_size``: below it the batch is enlarged on the device; with ``probe_size`` timm determines
      the size;
    * ``fold``: a pool that would only repeat a small map is folded into the linear layer behind it.

    None of it depends on ``pretrained``, so that a checkpoint fits the network built without the published
    weights.

    Args:
        library: ``timm``, ``torchvision`` or ``netyard`` (our own, where neither has it).
        architecture: its name there.
        pretrained: the library's published weights, or a file (see ``weights.read``).
        freeze: ``backbone`` trains the output layers only; ``unfreeze()`` ends it.
        dropout: before the output layer; None is what the library publishes.
        auxiliary: build the auxiliary heads; None for an architecture that has none.
        auxiliary_map_size: maps below it are enlarged before they enter an auxiliary head.
        batch_norm_momentum: None is the library's; with 0.01 the first hundreds of steps validate at chance.
        heads: paths of the output layers, the main one first; timm knows its own.
        arguments: further arguments of the library's constructor.

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
        image_size: Count,
        pretrained: bool | str | None = False,
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
        size = max(image_size, minimum_size)
        if probe_size:
            size, made_for_size = find_size(architecture, num_outputs, in_channels, size, **arguments)
            arguments |= made_for_size
        if library == "timm" and pretrained is True:
            network = timm_published(architecture, num_outputs, in_channels, **arguments)
        else:
            network = create(library, architecture, num_outputs, in_channels, **arguments)

        self._made_by = (library, architecture, num_outputs, in_channels, arguments)
        self.resize = Resize(size) if size != image_size else nn.Identity()
        self.network = network
        heads = tuple(heads) or library_heads(network)
        self.heads = tuple(path for path in heads if _has(network, path))
        self.auxiliary_weight = auxiliary_weight
        state: StateDict | None = None
        if isinstance(pretrained, str):
            state = read(pretrained)
        elif pretrained and library != "timm":
            state = torchvision_published(architecture, network)
        # A file may hold the published form or the small-image form of the same architecture.
        is_native = state is not None and not misfits(network, state, heads)
        if state is not None and is_native:
            load(network, state, heads, source=f"model.pretrained={pretrained}")
        early = early_strides[: 1 if size < tiny_size else num_kept(size, len(early_strides))]
        keep_early_size(network, early, shrink_weights=is_native or pretrained is True)
        if fold:
            pool, linear = fold
            fold_repeated_pool(network, pool, linear, in_channels, size)
        if state is not None and not is_native:
            load(network, state, heads, source=f"model.pretrained={pretrained}")

        if batch_norm_momentum is not None:
            for module in network.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                    module.momentum = batch_norm_momentum
        for path in self.heads[1:]:
            auxiliary_head = network.get_submodule(path.split(".")[0])
            auxiliary_head.register_forward_pre_hook(partial(_enlarge_map, auxiliary_map_size))
        self._frozen: tuple[str, ...] = ()
        if freeze == "backbone":
            self._freeze_backbone()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.network(self.resize(x))

    def train(self, mode: bool = True) -> ZooNet:
        """Training mode, but for the batch norm of a frozen backbone: its statistics are frozen too."""
        super().train(mode)
        if self._frozen:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                    module.eval()
        return self

    def unfreeze(self) -> None:
        """Make all frozen parameters trainable again."""
        for name in self._frozen:
            self.network.get_parameter(name).requires_grad_(True)
        self._frozen = ()
        self.train(self.training)

    def loaded_by(self) -> str:
        """Which network of the library takes this one's state dict, or what keeps the library's own from it."""
        library, architecture, num_outputs, in_channels, arguments = self._made_by
        channels = {"in_chans": in_channels} if library == "timm" else {}
        with torch.device("meta"):
            native = create(library, architecture, num_outputs, in_channels if channels else 3, **arguments)
        if lines := misfits(native, self.network.state_dict(), ()):
            return f"{library}'s own {architecture} does not take them, for they are fitted to the data: {lines[0]}"
        given = {"num_classes": num_outputs, **channels, **arguments}
        call = {"timm": "timm.create_model", "torchvision": "torchvision.models.get_model"}.get(library)
        if call is None:
            return f"netyard's own {architecture} takes them"
        call_arguments = ", ".join([repr(architecture), *(f"{name}={value!r}" for name, value in given.items())])
        return f"{call}({call_arguments}) takes them"

    def _freeze_backbone(self) -> None:
        """Exclude all parameters but those of the output layers from training."""
        if not self.heads:
            raise ArgumentError(
                "freeze is backbone, but this network does not say which layer is its output;",
                "freezing needs one;",
                "try model.freeze=null.",
            )
        trainable = tuple(f"{head}." for head in self.heads)
        frozen = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        frozen = [(name, p) for name, p in frozen if not name.startswith(trainable)]
        for _, parameter in frozen:
            parameter.requires_grad_(False)
        self._frozen = tuple(name for name, _ in frozen)
        self.train(self.training)


def _has(network: nn.Module, path: str) -> bool:
    """Whether a path leads to a layer with weights; auxiliary heads that were not built are None."""
    try:
        return any(True for _ in network.get_submodule(path).parameters())
    except AttributeError:
        return False


def _enlarge_map(smallest: int, _: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Repeat the pixels of the map that enters an auxiliary head until it is ``smallest`` wide."""
    x = inputs[0]
    return (F.adaptive_avg_pool2d(x, smallest),) if x.shape[-1] < smallest else inputs
