"""The words of this project: plain technical English.

Each habit once filled these texts; a failure names the place and what to write instead. Of Python files only comments,
strings and names of tests are read.
"""

from __future__ import annotations

import dataclasses
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FOLDERS = ("foundation", "zoo", "converters", "harness", "reports", "tests", "benchmarks", "docs", "recipes", ".ci")
SUFFIXES = (".py", ".md", ".sh", ".yml", ".js", ".html", "")

# Texts that are part of artifact keys, other people's words, and what an earlier version wrote.
EXEMPT = (
    "zoo/architectures/",
    "zoo/adapters/",
    "zoo/releases/drivers/",
    "zoo/catalog/",
    "tests/data/",
    "tests/test_glossary.py",
)

# Between two words: also a line's end with the comment sign or the quotes that follow it.
GAP = r"""(?:[\s#/"']|(?<=["'\s])[fr]+(?=["']))+"""

CODE = "\0"
"""Stands for a character of code: no phrase goes across it."""
PLACEHOLDER = re.compile(r"\{[^{}\n]+\}")


@dataclasses.dataclass(frozen=True)
class Habit:
    """A turn of phrase that is refused; a blank in a pattern is any gap between two words."""

    pattern: str
    """Where it has a group `fine`, a match of that group is allowed."""
    instead: str
    refused: tuple[str, ...]
    """Examples."""
    allowed: tuple[str, ...] = ()

    @property
    def expression(self) -> re.Pattern[str]:
        """The pattern, compiled."""
        return re.compile(self.pattern.replace(" ", GAP), re.IGNORECASE)


HABITS = {
    "hold against": Habit(
        r"\bh(?:old|olds|eld|olding)(?: [\w`'-]+){0,5} against\b",
        "compare with, verify against",
        (
            "holds an artifact against the network",
            "files are held\n    # against their digests",
            "test_it_is_held_against",
        ),
        ("each run holds a lock; the gate compares it with the base", "it is tested against the original"),
    ),
    "anew": Habit(r"\banew\b", "again", ("measured anew",), ("a new run",)),
    "mend": Habit(r"\bmend(?:s|ed|ing)?\b", "fix", ("Mended: the lock", "mend it"), ("amended", "recommended")),
    "one's own": Habit(
        r"\bone'?s own\b", "the user's, a user network", ("one's own network", "test_ones_own_file"), ("its own file",)
    ),
    "to be had": Habit(
        r"\b(?:be|is|are|was) had\b",
        "available, can be fetched",
        ("weights that cannot be had", "a fact that is not to be had", 'weights that could "\n    f"be had'),
        ("it had been", "what was, had to be"),
    ),
    "at hand": Habit(r"\bat hand\b", "available", ("a GPU at hand",), ("on the other hand",)),
    "go on with": Habit(
        r"\b(?:go|goes|going|gone|went) on with\b",
        "resume, continue",
        ("goes on with the run", "test_a_run_is_gone_on_with"),
        ("without a driver nothing can go on", "what goes on"),
    ),
    "is no thing": Habit(
        r"(?P<fine>\bthere (?:is|are|was|were) no\b)|\b(?:is|are|was|were|be) no (?:whole |positive |finite |readable |"
        r"usable |test |data |exported |run |lock |tar )*(?:archive|artifact|bundle|card|checkpoint|convolution|data|"
        r"device|directory|driver|duration|engine|figure|files?|folder|graph|GPU|history|image|index|interval|label|"
        r"list|lock|model|network|number|package|path|percentage|picture|probability|proportion|regression|release|"
        r"run|series|set|shape|suite|table|tar|tensor|text|URL|verdict)\b",
        "is not a",
        ("{path} is no file", "0 is no whole number", "which is no run directory", "the file is no readable image"),
        (
            "there is no file",
            "there are no\n    images",
            "it is no longer a file",
            "is no better",
            "this is no accident",
        ),
    ),
    "for the while": Habit(
        r"\b(?:for|of) the while\b", "temporary, until it ends", ("files of the while",), ("while the run lasts",)
    ),
    "told": Habit(
        r"(?P<fine>\b(?:\w+ )?t(?:ell|ells|elling|old)\b[^.;]{0,80}?\b(?:apart|from)\b)|"
        r"\b(?:is|are|was|were|be|been|being|as) told\b(?! to\b| not to\b)|\btold (?:of|at|in|with|about)\b|"
        r"\btells? (?:the user|that|what|why|whether|how|which|nothing|little|of)\b|\b(?:can|cannot|not) tell\b",
        "report, print, say, state",
        (
            "is told at once",
            "the user is told",
            "the device does not tell.",
            "env tells which runtimes",
            "cannot tell.",
        ),
        (
            "a gate can tell a regression from noise",
            "what tells\n    them apart",
            "is told to stop",
            "file.tell()",
            "hang is told from slowness",
        ),
    ),
    "as many": Habit(
        r"(?P<fine>\b(?:times|twice|half) as many\b|\bas many(?: \w+){0,4} as\b)|\bas many\b",
        "the same number of",
        ("networks with as many classes", "interrupted after as many."),
        ("64 times as many pixels", "twice as many", "as many as fit", "as many threads as cores"),
    ),
    "so many": Habit(
        r"(?P<fine>\bso many(?: \w+){0,7} that\b)|\bso many\b",
        "the number itself, or `count`",
        ("So many steps are done.", "the first so many"),
        ("so many that copying them costs seconds", "so many files open that it fails"),
    ),
    "but for": Habit(
        r"(?P<fine>\bnot (?:only )?for\b[^.;]*)|\bbut for\b",
        "except, apart from",
        ("all fields but for the last",),
        ("not for users but for tests",),
    ),
    "be it": Habit(
        r"\bbe it (?:a|an|by|in|no|of|on|the|with)\b",
        "whether ... or",
        ("be it in folders or flat",),
        ("must be it, and",),
    ),
    "of no use": Habit(r"\bof no use\b", "needs, is ignored", ("of no use without --images",), ("no use of it",)),
    "names a class": Habit(
        r"\b(?:networks?|models?) names? (?:a|an|the|no|another|first)\b|\bclass(?:es)? that(?: \w+){1,4} names?\b",
        "predicts",
        ("the classes that a network names first", "the network names another"),
        ("the network names in the list", "names of networks"),
    ),
    "start with Of": Habit(
        r'"""Of (?:a|an|the|that|this|these|those|what|how|any|each|its)\b',
        "a noun: Seed of the subset",
        ('"""Of the subset: the seed."""',),
        ('"""Share of the classes."""',),
    ),
}


def _texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project's own words."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*")) if file.is_file()]
    for file in [*files, *sorted(ROOT.glob("*.md")), ROOT / "pyproject.toml", ROOT / "tox.ini"]:
        path = file.relative_to(ROOT).as_posix()
        if path.startswith(EXEMPT) or (file.suffix not in SUFFIXES and file.parent != ROOT) or "__pycache__" in path:
            continue
        text = file.read_text("utf-8")
        yield path, words_of(text) if file.suffix == ".py" else text


def words_of(source: str) -> str:
    """Comments, strings and names of tests, each in its place; `CODE` instead of all else but white space."""
    lines = source.splitlines(keepends=True)
    kept = [[character if character.isspace() else CODE for character in line] for line in lines]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_text = tokenize.tok_name[token.type] in (
            "COMMENT",
            "STRING",
            "FSTRING_START",
            "FSTRING_MIDDLE",
            "FSTRING_END",
        )
        if not is_text and not (token.type == tokenize.NAME and token.string.startswith("test_")):
            continue
        for row in range(token.start[0], token.end[0] + 1):
            begin = token.start[1] if row == token.start[0] else 0
            end = token.end[1] if row == token.end[0] else len(lines[row - 1])
            text = lines[row - 1][begin:end]
            kept[row - 1][begin:end] = PLACEHOLDER.sub(_as_code, text) if is_text else text.replace("_", " ")
    return "".join("".join(line) for line in kept)


def _as_code(match: re.Match[str]) -> str:
    return CODE * len(match[0])


def found_in(text: str, habit: Habit) -> list[re.Match[str]]:
    """Every place of a habit in a text."""
    return [match for match in habit.expression.finditer(text) if not match.groupdict().get("fine")]


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    return list(_texts())


@pytest.mark.parametrize("name", HABITS)
def test_the_glossary_is_kept(texts: list[tuple[str, str]], name: str) -> None:
    habit = HABITS[name]
    places = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {' '.join(match[0].split())!r}; write: {habit.instead}"
        for path, text in texts
        for match in found_in(text, habit)
    ]
    assert not places, "\n".join(["", *places])


@pytest.mark.parametrize("name", HABITS)
def test_examples_are_refused_and_allowed(name: str) -> None:
    habit = HABITS[name]
    for text in habit.refused:
        assert found_in(text.replace("_", " "), habit), text
    for text in habit.allowed:
        assert not found_in(text, habit), text


def test_code_is_not_read_but_its_texts_are() -> None:
    source = (
        'as_told = file.tell()  # a comment\n\n\ndef test_it_is_told():\n    """Says\n    it."""\n    f"{mend} x"\n'
    )
    words = words_of(source)
    kept = " ".join(words.replace(CODE, " ").split())
    assert kept == '# a comment test it is told """Says it.""" f" x"'
    assert [len(line) for line in words.splitlines()] == [len(line) for line in source.splitlines()]


def test_no_phrase_goes_across_code() -> None:
    assert not found_in(words_of('def test_what_they_are():\n    match("no GPU 1")\n'), HABITS["is no thing"])
