"""`harness history`: runs kept in one file, and how each series changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.wording import counted
from harness.commands.command import Command
from harness.commands.options.types import count, percent, rate
from harness.errors import EXIT_SUCCESS
from harness.history.change_points import ChangeRules
from harness.text.console import append_to_step_summary, writable, write

if TYPE_CHECKING:
    from harness.history.record import RunRecord

DEFAULT_STORE = Path("history.sqlite")
DEFAULT_LAST = 200

_DESCRIPTION = """\
Keeps runs in one file and shows how each series changed over time.

  python -m harness history add results --label "$(git rev-parse --short HEAD)"
  python -m harness history fbnet/fbnet_a                the runs of a model, and where its level changed
  python -m harness history all --plot history.svg       names, globs, sources, suites
  python -m harness history list                         the runs
  python -m harness history export history.csv           every row of every run

Runs of different environments, reference networks or timings are never compared: each has a table of its own, and
what changed between them is reported. This is a view, not a gate: it sees a slow-down some runs later. `harness
compare` and `harness gate` see it at once.
"""

_ACTIONS = ("show", "add", "list", "export")


def _spelled_out(words: Sequence[str]) -> list[str]:
    """Adds the action `show` if it is omitted: a word that is neither an action nor an option is a model to show."""
    shows = bool(words) and words[0] not in _ACTIONS and not words[0].startswith("-")
    return ["show", *words] if shows else [*words]


def _add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="MODEL | add | list | export")
    showing = actions.add_parser(
        "show", prog=parser.prog, help="show MODEL, whatever its name, as in `history show list`"
    )
    _add_show_options(showing)
    adding = actions.add_parser("add", help="add a run; a resumed run replaces its earlier rows")
    adding.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    adding.add_argument("--label", metavar="TEXT", help="what was measured, for example a commit")
    listing = actions.add_parser("list", help="the runs")
    exporting = actions.add_parser("export", help="every row of every run as CSV")
    exporting.add_argument("csv", type=Path, metavar="CSV", help="the file to write")
    for action, does in ((showing, _show), (adding, _add), (listing, _list), (exporting, _export)):
        action.set_defaults(does=does)
        action.add_argument(
            "--store", type=Path, default=DEFAULT_STORE, metavar="FILE", help="the history (%(default)s)"
        )


def _add_show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a name, a glob, a source or a suite")
    rules = ChangeRules()
    parser.add_argument(
        "--last",
        type=count,
        default=DEFAULT_LAST,
        metavar="N",
        help="number of newest runs of each environment to consider (%(default)s)",
    )
    parser.add_argument(
        "--margin",
        type=percent,
        default=rules.margin_percent,
        metavar="PERCENT",
        help="smallest change that is called (%(default)s)",
    )
    parser.add_argument(
        "--error-rate",
        type=rate,
        default=rules.error_rate,
        metavar="P",
        help="probability of calling any change in a history without one (%(default)s)",
    )
    parser.add_argument("--plot", type=_picture, metavar="FILE", help="a picture, .svg or .png")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="for a CI summary; GITHUB_STEP_SUMMARY gets it too"
    )


def _history(arguments: argparse.Namespace) -> int:
    """Runs one of the actions."""
    arguments.does(arguments)
    return EXIT_SUCCESS


def _show(arguments: argparse.Namespace) -> None:
    from harness.history import render
    from harness.history.store import HistoryStore
    from harness.history.timeline import timelines

    rules = ChangeRules(arguments.margin, arguments.error_rate)
    with HistoryStore.open(arguments.store) as store:
        found = timelines(store, arguments.models, rules, last=arguments.last)
    print(render.text(found, rules), end="")
    write(arguments.markdown, render.markdown(found, rules))
    append_to_step_summary(render.markdown(found, rules))
    if arguments.plot:
        from reports.history import draw_history

        with writable(arguments.plot):
            arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        draw_history(found, [arguments.plot])


def _add(arguments: argparse.Namespace) -> None:
    from foundation.wording import one_line
    from harness.history.record import read_records
    from harness.history.store import HistoryStore

    records = read_records(arguments.run)
    label = None if arguments.label is None else one_line(arguments.label)
    with HistoryStore.open(arguments.store, create=True) as store:
        told = [_added(record, store.add(record, label)) for record in records]
        runs_count = len(store.runs())
    print(f"{arguments.run}: {'; '.join(told)}. {arguments.store}: {counted(runs_count, 'run')}.")


def _added(record: RunRecord, told: str) -> str:
    """What adding a record did, in words."""
    return {
        "added": f"added as run {record.run_id}",
        "replaced": f"replaces an earlier state of run {record.run_id}",
        "unchanged": f"run {record.run_id} was already there; nothing changed",
        "older": f"run {record.run_id} was already there in a later state, with more trials; nothing changed",
    }[told]


def _list(arguments: argparse.Namespace) -> None:
    from harness.history import render
    from harness.history.store import HistoryStore

    with HistoryStore.open(arguments.store) as store:
        print(render.runs_table(store.runs()), end="")


def _export(arguments: argparse.Namespace) -> None:
    from harness.history import render
    from harness.history.store import HistoryStore

    with HistoryStore.open(arguments.store) as store:
        write(arguments.csv, render.export_csv(store))
    print(arguments.csv)


def _picture(text: str) -> Path:
    if Path(text).suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a picture's name; end it in .svg or .png")
    return Path(text)


HISTORY = Command(_add_options, _history, description=_DESCRIPTION, spelled_out=_spelled_out)
