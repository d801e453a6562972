"""Recalibration: the running statistics of batch norms, re-estimated on images.

A subnet cut out of a supernet shares its weights with other subnets but not its activations, so the
supernet's running statistics do not apply to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoo.errors import WeightsError

if TYPE_CHECKING:
    import torch


def recalibrate(module: torch.nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Sets the running statistics of all batch norms to their mean over `batches`, in place.

    While measuring, each norm normalises by the batch's own statistics, as in training; everything
    else stays in evaluation mode. All batches have equal weight, whatever their sizes. The same batches in the
    same order give the same statistics.

    Args:
        module: a network in evaluation mode, in which it is left.
        batches: inputs of the module, each (N, ...).

    Returns:
        Number of batches.

    Raises:
        WeightsError: there is no batch, or the statistics are not finite. After this or any other error the
                old statistics are restored.
    """
    import torch

    norms = [layer for layer in module.modules() if isinstance(layer, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]
    old = [({name: buffer.clone() for name, buffer in norm.named_buffers()}, norm.momentum) for norm in norms]
    count = 0
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # The mean of all batches, not an exponential average.
            norm.train()
        with torch.inference_mode():
            for batch in batches:
                module(batch)
                count += 1
        if count == 0:
            raise WeightsError("nothing to recalibrate on: no batch of images was given")
        if not all(buffer.isfinite().all() for norm in norms for buffer in norm.buffers()):
            raise WeightsError("recalibration gave statistics that are not finite: check the images and the weights")
    except BaseException:
        for norm, (buffers, _) in zip(norms, old, strict=True):
            for name, buffer in buffers.items():
                norm.get_buffer(name).copy_(buffer)
        raise
    finally:
        for norm, (_, momentum) in zip(norms, old, strict=True):
            norm.momentum = momentum
            norm.eval()
    return count
