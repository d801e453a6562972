"""`python -m zoo fetch`: released checkpoints, or the releases' original code."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zoo.card import ModelCard
from zoo.checkpoints.batch import Outcome, fetch_many
from zoo.checkpoints.fetching import cached_path
from zoo.checkpoints.location import locate
from zoo.checkpoints.progress import listener_for, size_text
from zoo.checkpoints.settings import MIRROR_VARIABLE, FetchSettings
from zoo.errors import ZooError

_DESCRIPTION = """\
Fetches the released checkpoints of models into the cache, where `--weights released` finds them, and prints the
path and the SHA-256 of each. Files in the cache are verified and not fetched again; interrupted downloads
are resumed. With --sources it checks out the releases' original code instead.
"""

_EPILOG = f"""\
MODELS are names, globs, sources or suites, separated by commas or spaces; case does not matter:
  regnet/RegNetY-200MF     one model
  'ofa/*note10*'           a glob on the whole name, or on its second half: '*b0'
  resnest                  a source
  all, mobile, smoke       a suite: every model; at most 600 M multiply-adds;
                           the smallest of each source

Examples:
  python -m zoo fetch smoke                                 a checkpoint of each source that published one
  python -m zoo fetch all --lock checkpoints.lock.toml      with digests that a team commits
  python -m zoo fetch all --mirror /mnt/weights --offline   from a copy of another cache's `checkpoints`
  python -m zoo fetch all --dry-run                         what would be fetched, and from where
  python -m zoo fetch --sources gpunet fbnet                the original code of two sources

Exit codes: 0 every published checkpoint is there; 1 some could not be fetched, see the summary; 2 a bad request;
130 interrupted. Without --mirror, the environment variable {MIRROR_VARIABLE} applies. See docs/weights.md
"""


def add_fetch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `fetch`; `run_fetch` carries it out."""
    parser = commands.add_parser(
        "fetch",
        help="fetch released checkpoints, or the releases' original code",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", metavar="MODELS", help="models whose checkpoints to fetch, see below")
    parser.add_argument(
        "--sources",
        nargs="*",
        metavar="SOURCE",
        help="check out the original code of these sources with git instead (all sources if none is given)",
    )
    parser.add_argument(
        "--mirror",
        default="",
        metavar="DIR-or-URL",
        help="fetch from this folder or URL, not the releases' servers; laid out as the cache's folder `checkpoints`",
    )
    parser.add_argument(
        "--lock",
        type=Path,
        metavar="FILE",
        help="digests that files must have; digests of new files are added (the cache's own checkpoints/lock.toml)",
    )
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where everything is kept (the user's cache directory)"
    )
    parser.add_argument(
        "--offline", action="store_true", help="use no network, only files in the cache or a mirror's folder"
    )
    parser.add_argument(
        "--dry-run", "--list", action="store_true", help="list what would be fetched, and from where, and stop"
    )


def run_fetch(arguments: argparse.Namespace) -> int:
    """Fetches what the arguments ask for, and returns the exit code: 1 if something could not be fetched.

    Raises:
        ZooError: the request is invalid.
    """
    if arguments.sources is not None:
        return _fetch_sources(arguments)
    if not arguments.models:
        raise ZooError("give MODELS, such as `smoke` or `all`, or --sources for the original code")
    import zoo

    settings = FetchSettings(
        cache_dir=arguments.cache_dir,
        mirror=arguments.mirror,
        lock=arguments.lock,
        offline=arguments.offline,
        listener=listener_for(sys.stderr),
    )
    cards = zoo.cards(arguments.models)
    if arguments.dry_run:
        for card in cards:
            print(_plan(card, settings))
        return 0
    return _fetch_all(cards, settings)


def _fetch_sources(arguments: argparse.Namespace) -> int:
    # Options that apply to checkpoints alone would be ignored silently.
    given = {
        "MODELS": arguments.models,
        "--mirror": arguments.mirror,
        "--lock": arguments.lock,
        "--offline": arguments.offline,
        "--dry-run": arguments.dry_run,
    }
    if named := [name for name, value in given.items() if value]:
        raise ZooError(
            f"--sources cannot be combined with {', '.join(named)}: fetch checkpoints and original code with two "
            "commands. For a mirror of repositories, use git's own setting: git config url.<base>.insteadOf"
        )
    from zoo.releases.commands import fetch_sources

    return fetch_sources(arguments.sources, arguments.cache_dir)


def _plan(card: ModelCard, settings: FetchSettings) -> str:
    if not card.checkpoint.url:
        return f"{card.name}  none was published"
    if path := cached_path(card, settings):
        return f"{card.name}  cached  {path}"
    location = locate(card)
    if mirror := settings.shown_mirror:
        return f"{card.name}  to fetch  {location.path} of {mirror}"
    return f"{card.name}  to fetch  {location.url}"


def _fetch_all(cards: list[ModelCard], settings: FetchSettings) -> int:
    outcomes = []
    for outcome in fetch_many(cards, settings):
        outcomes.append(outcome)
        if outcome.fetched is not None:
            print(f"{outcome.card.name}  {outcome.fetched.path}  {outcome.fetched.sha256}", flush=True)
        elif outcome.published:
            settings.listener.note(f"{outcome.card.name}: {outcome.problem}")
    print(_summary(outcomes), file=sys.stderr)
    missing = [one for one in outcomes if one.published and one.fetched is None]
    return 1 if missing or not any(one.fetched for one in outcomes) else 0


def _summary(outcomes: list[Outcome]) -> str:
    had = [one for one in outcomes if one.fetched is not None]
    files = {one.fetched.path for one in had if one.fetched is not None}
    new = sum(not one.was_cached for one in had)
    parts = [
        f"{len(had)} of {len(outcomes)} models have their checkpoint ({len(files)} files, "
        f"{size_text(sum(path.stat().st_size for path in files))}; {new} fetched now)"
    ]
    if unpublished := sum(not one.published for one in outcomes):
        parts.append(f"{unpublished} had none published")
    if missing := [one.card.name for one in outcomes if one.published and one.fetched is None]:
        named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        parts.append(f"{len(missing)} could not be fetched: {named}")
    return "; ".join(parts)
