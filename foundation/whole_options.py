"""A command line whose options are written whole."""

from __future__ import annotations

import argparse
from typing import Any


class WholeOptionsParser(argparse.ArgumentParser):
    """A parser that takes no beginnings of options, nor do the parsers of its commands.

    argparse takes `--model` for `--models` where a command has only the latter, and silently does something else than
    was meant.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})
