"""LaNet: facebookresearch/LaMCTS, LaNAS/LaNet/CIFAR10."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.releases.drivers import answering, import_original
from zoo.torch_model import TorchModel

# The command that tests the released network; its options are the network.
_TEST_COMMAND = re.compile(r"test\.py .*--layers (\d+) --init_ch (\d+) --arch='(\[[\d, ]+\])'")


def build(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    """The release's network of the options that its README tests it with.

    Raises:
        ReleaseError: the README has no such command.
    """
    folder = checkouts["LaMCTS"] / "LaNAS" / "LaNet" / "CIFAR10"
    command = _TEST_COMMAND.search((folder / "README.md").read_text(encoding="utf-8"))
    if command is None:
        raise ReleaseError(f"{folder / 'README.md'} has no command that tests {card.variant}")
    layers, channels, code = int(command[1]), int(command[2]), json.loads(command[3])
    search_space = import_original("nasnet_set", folder)
    nodes = len(code) // 4
    cell = search_space.gen_code_from_list(code, node_num=nodes)
    genotype = search_space.translator([cell, cell], max_node=nodes)
    network = import_original("model", folder).NetworkCIFAR(channels, card.classes, layers, True, genotype)
    # Beside the logits the release returns the auxiliary head's, which are None outside training.
    return TorchModel(card, answering(network, lambda both: both[0]))
