"""A user network in PyTorch as a native model: what it takes and returns is found by running it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundation.endings import says_out_of_memory
from foundation.wording import counted, first_line, listed
from zoo.card import ModelCard
from zoo.errors import ZooError
from zoo.torch_model import TorchModel, frozen

if TYPE_CHECKING:
    import torch

    from zoo.own_outputs import Path

TAKES_IMAGES = "return a module whose forward takes one float32 tensor of images (N, 3, R, R)"
IN_FLOAT32 = (
    "it has weights in {types} and changes types inside: return it in float32, without .half() or .to(...) in its "
    "forward, and choose the precision with --precision"
)
BATCH_STATISTICS = (
    "batch statistics are in use in {layers} ({names}), in training mode or without running statistics: an image's "
    "output depends on the other images of its batch"
)
WITHOUT_BATCH_STATISTICS = "call .eval() on the network in the function, and keep running statistics"

_OTHER_TYPE = re.compile("Half|BFloat16|Double|dtype|scalar type", re.IGNORECASE)


class OwnModelError(ZooError):
    """A user network that cannot be built, or does not take images or return logits."""


class OwnModel(TorchModel):
    """A user's `torch.nn.Module`. `fit` settles what is converted before anything else asks for it."""

    def __init__(self, card: ModelCard, network: torch.nn.Module) -> None:
        """Wraps a network; the module inside `torch.compile` or `DataParallel` is taken out of it."""
        super().__init__(card, _unwrapped(network))
        self.weights = "own"
        self.notes: tuple[str, ...] = ()
        """What a reader of its figures should know about how it was taken."""
        self._path: Path = ()

    def fit(self, batch: int) -> None:
        """Runs the network once on a batch of black images, and settles what is converted.

        A network of another floating type becomes one of float32, in place. Of several outputs, the one to measure is
        chosen (`zoo.own_outputs.logits_path`).

        Args:
            batch: images per inference of the graph to make.

        Raises:
            OwnModelError: the network does not take such images, or returns no logits; the message says what to do.
        """
        self._path = ()
        self._bring_to_processor()
        output, cast = self._first_output(batch)
        # A lazy module has weights from now on.
        frozen(self.module)
        self.notes = (*cast, *self._settle_output(output, batch))
        if layers := batch_statistics_layers(self.module):
            self.notes += (statistics_text(layers),)

    def deployable(self) -> torch.nn.Module:
        """The module, or one that returns the chosen one of its outputs."""
        from zoo.own_outputs import OneOutput

        return OneOutput(self.module, self._path).eval() if self._path else self.module

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output that is measured, in float32: (N, classes) for a classifier."""
        import torch

        # Not inference mode: what a network keeps of its input must remain exportable.
        with torch.no_grad():
            output: torch.Tensor = self.deployable()(torch.from_numpy(images))
        return np.asarray(output.float().numpy(force=True))

    def weights_sha256(self) -> str:
        """Digest of whatever the state dict holds (`zoo.state_digest`)."""
        from zoo.state_digest import state_sha256

        return state_sha256(self.module.state_dict())

    def _bring_to_processor(self) -> None:
        devices = {tensor.device.type for tensor in (*self.module.parameters(), *self.module.buffers())}
        if "meta" in devices:
            raise OwnModelError(
                f"{self.card.variant}: weights are on the meta device: load them in the function, "
                "after module.to_empty(device='cpu') or with load_state_dict(..., assign=True)"
            )
        if devices - {"cpu"}:
            self.module.cpu()

    def _first_output(self, batch: int) -> tuple[Any, tuple[str, ...]]:
        """What the network returns for black images, and a note if it had to become one of float32.

        Raises:
            OwnModelError: it does not take them.
        """
        import torch

        shape = (batch, 3, self.card.resolution, self.card.resolution)
        error: Exception | None = None
        advice = ""
        types = _other_floating_types(self.module)
        for cast in (False, True) if types else (False,):
            if cast:
                self.module.float()
            try:
                with torch.no_grad():
                    return self.module(torch.zeros(shape)), (_cast_text(types),) if cast else ()
            except MemoryError:
                raise
            except Exception as failure:
                if says_out_of_memory(str(failure)):
                    raise
                error = failure
                # A network that rounds its input itself takes nothing any more once its weights are float32.
                advice = advice or self._advice(batch)
        if types and not advice and _OTHER_TYPE.search(str(error)):
            advice = IN_FLOAT32.format(types=" and ".join(types))
        raise OwnModelError(
            f"the network of {self.card.variant} does not take images {shape} of float32: {type(error).__name__}: "
            f"{first_line(error) if error else ''}; {advice or TAKES_IMAGES}"
        ) from error

    def _advice(self, batch: int) -> str:
        """What to do about a network that does not take images; empty if nothing is found."""
        from zoo.own_inputs import input_advice

        if layers := batch_statistics_layers(self.module):
            return f"{statistics_text(layers)}; {WITHOUT_BATCH_STATISTICS}"
        return input_advice(self.module, batch, self.card.resolution)

    def _settle_output(self, output: Any, batch: int) -> tuple[str, ...]:
        """Chooses what is measured, and names it unless the output is one tensor.

        Raises:
            OwnModelError: there is no tensor of logits' form in it.
        """
        import torch

        from zoo.own_outputs import described, logits_path, path_text

        if isinstance(output, torch.Tensor) and not output.is_complex():
            return ()
        path = None if isinstance(output, torch.Tensor) else logits_path(output, batch)
        if path is None:
            raise OwnModelError(
                f"the network of {self.card.variant} returns a {described(output)}, and nothing of the form of "
                f"logits ({batch}, classes): return the tensor to measure alone"
            )
        self._path = path
        return (f"the measured output is {path_text(path)} of the {type(output).__name__} that the network returns",)


def batch_statistics_layers(module: torch.nn.Module) -> list[str]:
    """Names of the batch norms that normalise with the statistics of the present batch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return [
        name or type(layer).__name__
        for name, layer in module.named_modules()
        if isinstance(layer, _BatchNorm) and (layer.training or layer.running_mean is None)
    ]


def statistics_text(layers: list[str]) -> str:
    """That batch statistics are in use, and where."""
    return BATCH_STATISTICS.format(layers=counted(len(layers), "layer"), names=listed(layers))


def _unwrapped(network: torch.nn.Module) -> torch.nn.Module:
    """The user's own module inside `torch.compile`, which would compile it, and `DataParallel`."""
    from torch.nn.parallel import DataParallel, DistributedDataParallel

    inner: Any = network
    while True:
        if hasattr(inner, "_orig_mod"):
            inner = inner._orig_mod
        elif isinstance(inner, DataParallel | DistributedDataParallel):
            inner = inner.module
        else:
            result: torch.nn.Module = inner
            return result


def _other_floating_types(module: torch.nn.Module) -> list[str]:
    import torch

    types = {tensor.dtype for tensor in (*module.parameters(), *module.buffers()) if tensor.is_floating_point()}
    return sorted(str(dtype).removeprefix("torch.") for dtype in types - {torch.float32})


def _cast_text(types: list[str]) -> str:
    """What became of a network of other floating types."""
    holds = "to which its weights are rounded" if "float64" in types else "which holds its weights exactly"
    return (
        f"the function returns a network in {' and '.join(types)}: its graph is made in float32, {holds}, and "
        "--precision alone decides what is measured"
    )
