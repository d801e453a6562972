"""`harness list` and `harness show`: the models of the zoo."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from foundation.wording import counted
from harness.artifacts.request import ArtifactRequest
from harness.commands.command import Command
from harness.commands.options.models import MODELS_HELP, add_libraries, read_libraries
from harness.errors import EXIT_SUCCESS, HarnessError
from harness.text.console import say

if TYPE_CHECKING:
    from zoo.card import ModelCard


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="*", metavar="MODELS", help="which ones (all of the zoo)")
    add_libraries(parser)


def _list(arguments: argparse.Namespace) -> int:
    """Prints one line per model."""
    asked = (*arguments.models, *read_libraries(arguments))
    cards = ArtifactRequest(models=asked or ("all",)).cards()
    width = max(len(card.name) for card in cards)
    print(f"{'model':{width}}  pixels  params/M    MACs/G  top-1/% (published)  trained on")
    for card in cards:
        top1 = card.published.top1_percent
        # A library's network has to be built before these are known.
        parameters = f"{card.parameters / 1e6:.2f}" if card.parameters else "-"
        macs = f"{card.macs / 1e9:.3f}" if card.macs else "-"
        figures = f"{card.resolution:6}  {parameters:>8}  {macs:>8}"
        published = "-" if top1 is None else f"{top1:.1f}"
        print(f"{card.name:{width}}  {figures}  {published:19}  {card.training.all_data}")
    say(f"{counted(len(cards), 'model')} of {counted(len({card.source for card in cards}), 'source')}")
    return EXIT_SUCCESS


def _add_show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--json", action="store_true", help="the card as JSON")


def _show(arguments: argparse.Namespace) -> int:
    """Prints a card."""
    cards = ArtifactRequest(models=(arguments.model,)).cards()
    if len(cards) > 1:
        raise HarnessError(f"{arguments.model!r} selects {len(cards)} models; `list` shows their names")
    card = cards[0]
    if arguments.json:
        print(json.dumps(card.to_json(), indent=2))
        return EXIT_SUCCESS
    print(f"{card.name}\n{'=' * len(card.name)}")
    for title, section in _sections(card).items():
        print(f"\n{title}")
        for name, value in section.items():
            if value is not False and value not in (None, "", ()):
                print(f"  {name.replace('_', ' ')}: {_text(value)}")
    return EXIT_SUCCESS


def _sections(card: ModelCard) -> dict[str, dict[str, Any]]:
    """The facts of a card under their titles; a title without facts is left out."""
    facts = dataclasses.asdict(card)
    sections = {
        "network": {
            "implementation": card.release.package or "this project's own definition",
            "resolution (pixels)": card.resolution,
            "classes": card.classes or None,
            "parameters": f"{card.parameters:,}" if card.parameters else None,
            "multiply-adds of one image": f"{card.macs:,}" if card.macs else None,
            "digest of the state dict's names and shapes": card.signature_sha256,
        },
        "published": facts["published"],
        "published latencies": {one.conditions: f"{one.latency_ms:g} ms ({one.stated_in})" for one in card.latencies},
        "search": facts["search"] or {},
        "training": facts["training"],
        "preprocessing": facts["preprocessing"],
        "checkpoint": facts["checkpoint"],
        "release": facts["release"],
        "architecture": dict(card.architecture),
    }
    return {title: section for title, section in sections.items() if section}


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        separator = "\n      " if value and isinstance(value[0], str) else ", "
        return (separator if separator[0] == "\n" else "") + separator.join(str(item) for item in value)
    return str(value)


LIST = Command(_add_list_options, _list, epilog=MODELS_HELP)
SHOW = Command(_add_show_options, _show)
