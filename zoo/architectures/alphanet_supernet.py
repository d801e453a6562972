"""The supernet that AlphaNet releases: the names and shapes of its tensors, and how a subnet is cut out.

The supernet is the largest subnet under other names, so both follow from one definition: a
subnet's tensor is the leading channels, and the centre of the kernel, of the supernet's tensor of
the same place. The release trained no transformation of the kernels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch

from zoo.architectures.alphanet import AlphaNet
from zoo.architectures.alphanet_subnet import Stage, Subnet, parse_stage
from zoo.errors import CatalogError, WeightsError
from zoo.torch_model import misfits

LARGEST = Subnet(
    resolution=288,
    stem_width=24,
    stages=tuple(
        parse_stage(text)
        for text in (
            "d2 k5 s1 e1 c24",
            "d5 k5 s2 e6 c32",
            "d6 k5 s2 e6 c40 se",
            "d6 k5 s2 e6 c72",
            "d8 k5 s1 e6 c128 se",
            "d8 k5 s2 e6 c216 se",
            "d2 k5 s1 e6 c224 se",
        )
    ),
    feature_width=1984,
)
"""The largest choice everywhere: the shapes of the supernet's tensors."""
CLASSES = 1000

# The supernet keeps two more sets of running statistics beside each batch norm's own; nothing reads them.
_TRACKED_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_TRACKING_SETS = 2
_HEAD = {"last_conv.0.": "last_conv.final_expand_layer.", "last_conv.2.": "last_conv.feature_mix_layer."}
# Convolutions, norms and linear layers are wrapped once more; those of squeeze-and-excitation are not.
_WRAPPED = re.compile(r"\.(conv|bn|linear)\.(\w+)$")


def tensor_shapes(subnet: Subnet, classes: int = CLASSES) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a subnet's state; computes nothing."""
    with torch.device("meta"):
        network = AlphaNet(subnet, classes)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _supernet_blocks(subnet: Subnet) -> list[int]:
    """The supernet's block of each of the subnet's: a stage uses its first blocks."""
    blocks: list[int] = []
    first = 0
    for stage, largest in zip(subnet.stages, LARGEST.stages, strict=True):
        blocks += range(first, first + stage.depth)
        first += largest.depth
    return blocks


def _supernet_name(name: str, blocks: list[int]) -> str:
    for head, wrapped in _HEAD.items():
        if name.startswith(head):
            name = wrapped + name.removeprefix(head)
    if name.startswith("blocks."):
        _, index, rest = name.split(".", 2)
        name = f"blocks.{blocks[int(index)]}.{rest}"
    return _WRAPPED.sub(r".\1.\1.\2", name)


def supernet_names(subnet: Subnet) -> dict[str, str]:
    """For each tensor of a subnet, the name of the supernet's tensor that it is cut from.

    Raises:
        CatalogError: the subnet is not one of this supernet; quotes what does not fit.
    """
    misplaced = list(_outside(subnet))
    if misplaced:
        raise CatalogError(f"not a subnet of AlphaNet's supernet: {'; '.join(misplaced)}")
    blocks = _supernet_blocks(subnet)
    return {name: _supernet_name(name, blocks) for name in tensor_shapes(subnet)}


def _outside(subnet: Subnet) -> Iterator[str]:
    if len(subnet.stages) != len(LARGEST.stages):
        yield f"{len(subnet.stages)} stages, where the supernet has {len(LARGEST.stages)}"
        return
    for stage, largest in zip(subnet.stages, LARGEST.stages, strict=True):
        if not _fits(stage, largest):
            yield f"stage {str(stage)!r} is not part of {str(largest)!r}"
    for what in ("stem_width", "feature_width"):
        if getattr(subnet, what) > getattr(LARGEST, what):
            yield f"{what} {getattr(subnet, what)} exceeds {getattr(LARGEST, what)}"


def _fits(stage: Stage, largest: Stage) -> bool:
    alike = (stage.stride, stage.squeeze_excite) == (largest.stride, largest.squeeze_excite)
    # Without expansion a block lacks a convolution, so the two kinds cannot share tensors.
    alike = alike and (stage.expansion == 1) == (largest.expansion == 1)
    return alike and all(
        getattr(stage, what) <= getattr(largest, what) for what in ("depth", "kernel", "expansion", "width")
    )


def supernet_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the supernet's 1468 tensors."""
    names = supernet_names(LARGEST)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in tensor_shapes(LARGEST).items():
        wrapped = names[name]
        shapes[wrapped] = shape
        norm, _, statistic = wrapped.rpartition(".bn.")
        if norm and statistic in _TRACKED_STATISTICS:
            shapes |= {f"{norm}.bn_tracking.{index}.{statistic}": shape for index in range(_TRACKING_SETS)}
    return shapes


def cut(tensor: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """A copy of a tensor's part of the given shape.

    Args:
        tensor: any rank; of rank 4, a kernel (out, in, height, width).
        shape: of the same rank, nowhere larger; heights and widths smaller by an even number.

    Returns:
        The leading entries of the first two axes, and the centre of the others.
    """
    starts = [0 if axis < 2 else (size - shape[axis]) // 2 for axis, size in enumerate(tensor.shape)]
    part = tuple(slice(start, start + size) for start, size in zip(starts, shape, strict=True))
    return tensor[part].clone()


def slice_subnet(supernet: Mapping[str, torch.Tensor], subnet: Subnet) -> dict[str, torch.Tensor]:
    """The state of a subnet, cut out of the supernet's.

    Counters (`num_batches_tracked`) are not part of it: those of the supernet count other networks' batches.
    The running statistics are, but they belong to no subnet; see `AlphaNetModel.recalibrate`.

    Args:
        supernet: the supernet's tensors by name, without `module.` before the names. Counters and the unused
            `bn_tracking` statistics may be left out.
        subnet: which one.

    Returns:
        The subnet's tensors under the names of the static network; copies.

    Raises:
        WeightsError: not this supernet's state; lists what does not fit.
        CatalogError: not a subnet of this supernet.
    """
    expected = supernet_shapes()
    unread = {name for name in expected if ".bn_tracking." in name or name.endswith("num_batches_tracked")}
    problems = misfits(expected, {name: tuple(tensor.shape) for name, tensor in supernet.items()}, may_lack=unread)
    if problems:
        raise WeightsError(f"not a state of AlphaNet's supernet: {problems}")
    names = supernet_names(subnet)
    return {
        name: cut(supernet[names[name]], shape)
        for name, shape in tensor_shapes(subnet).items()
        if not name.endswith("num_batches_tracked")
    }
