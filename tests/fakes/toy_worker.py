"""`zoo.releases.worker` with one more source in the zoo, `toy`; run it as a script with the folder of a job.

The toy's own definition is `Network` below; its original code is the contents of the checkout `toy`. The environment
gives the repository's commit (TOY_COMMIT). With `--provenance CACHE MIRROR` it converts the original code with the
weights in the mirror, and prints the provenance.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zoo
from tests.fakes.releases import URL
from zoo import adapters
from zoo.card import Checkpoint, ModelCard
from zoo.releases import pins, worker
from zoo.releases.drivers import answering, import_original
from zoo.torch_model import TorchModel

SOURCES = """
[checkouts.toy]
repository = "{url}"
commit = "{commit}"
folders = ["toy"]
[sources.toy]
checkouts = ["toy"]
environment = {{ TOY_SETTING = "7" }}
"""

NETWORK = """
from torch import nn

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))
"""


def toy_card() -> ModelCard:
    """The card of a small network; only the facts that building and probing use are true."""
    real = zoo.card("regnet/RegNetX-200MF")
    release = dataclasses.replace(real.release, source="toy", package="")
    checkpoint = Checkpoint(url="https://releases.invalid/toy.pth", container="state_dict")
    return dataclasses.replace(real, release=release, variant="toy", resolution=16, classes=5, checkpoint=checkpoint)


def own_definition(card: ModelCard) -> TorchModel:
    names: dict[str, Any] = {}
    exec(NETWORK, names)
    return TorchModel(card, names["Network"]())


def original_code(card: ModelCard, checkouts: Mapping[str, Path]) -> TorchModel:
    network = import_original("toy.network", checkouts["toy"])
    return TorchModel(card, answering(network.build(), lambda both: both[0]))


def main() -> int:
    sources = pins.read_sources(SOURCES.format(url=URL, commit=os.environ["TOY_COMMIT"]))
    card = toy_card()
    pins.all_sources = lambda: sources
    zoo.card = lambda _name: card
    for name, build in (("toy_own", own_definition), ("zoo.releases.drivers.toy", original_code)):
        module = types.ModuleType(name)
        vars(module).update(build=build, EXTRA="torch")
        sys.modules[name] = module
    adapters._BUILT_IN["toy"] = "toy_own"
    if sys.argv[1] == "--provenance":
        return print_provenance(card, *map(Path, sys.argv[2:]))
    return worker.main(sys.argv[1:])


def print_provenance(card: ModelCard, cache_dir: Path, mirror: Path) -> int:
    import converters
    from zoo.checkpoints import FetchSettings

    settings = FetchSettings(cache_dir, str(mirror), offline=True)
    native = zoo.load(card, "released", settings=settings, implementation="release", cache_dir=cache_dir)
    print(json.dumps(dict(converters.convert(native, exporter="torchscript", cache_dir=cache_dir).provenance)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
