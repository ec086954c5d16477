"""The product is written in plain American English: one word for each thing, and no private ones.

What is read: the guide, the texts of the program (messages, help, problem titles and advice),
its docstrings and comments, the pages of a report and the ready mappings. Names of variables are
not; neither are texts that other programs decide, such as the data of the practice Alma.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

BANNED = {
    # one thing, one word
    r"twins?": "duplicate",
    r"look-alikes?": "possible match",
    r"brakes?|braking": "safety check",
    r"settl(?:e|es|ed|ing)|settle time": "resolve; verification delay",
    r"mirrors?": "user cache",
    r"directory (?:refresh|status|forget|import)": "users refresh, status, delete, import",
    r"student systems?": "SIS, SIS load",
    r"calls? of the day|day's calls": "daily API calls, daily API limit",
    r"way back": "undo plan",
    r"e-mails?": "email",
    r"back ?doors?|backstage": "admin API",
    # verbs that a colleague would not use
    r"tells?|told|telling": "report, list, show",
    r"gives? way|given up|gives? up|giving up": "is skipped",
    r"pass(?:es|ed)? over|passing over": "skip",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"spoken of|speaks? of|unspoken": "is not in the mapping; is left unchanged",
    r"(?:says?|said|say) (?:so|otherwise)": "set, unless set",
    r"come about|came about|comes about": "happen",
    r"goes on|go on|went on": "continue",
    r"anew": "again",
    r"stands? (?:twice|in|under|at|beside|behind|alone)|stood": "is, appears",
    r"holds? (?:against|good)|held against": "compare, apply",
    r"bear in mind|to be had|at hand": "remember, available",
    r"if (?:it is|they are|that is) meant": "if this is right",
    # riddles and inverted order
    r"so many": "N",
    r"nobody listens|what becomes of|what came of|what comes of": "the result of",
    r"merely near|near names?": "similar names",
    r"half way": "halfway",
    r"practi[s]e[sd]?": "practice",
    r"colours?": "color",
    r"catalogues?": "catalog",
    r"labell(?:ed|ing)": "labeled",
    r"(?:normalis|summaris|recognis|organis)(?:e|es|ed|ing|ation)": "US spelling: -ize",
    # metaphors
    r"house of|doors?|newcomers?|tidings": "plain words",
}

ALLOWED = (
    r"twin siblings|twins share",  # people
    r"catalogue\.toml",
    r"E-mail Address",  # a heading of Alma's own exports
    r"HUNT_LIVES",
    r"`(?:look-alike-in-alma|brakes:|digits-normalised)`",  # old names, in the changelog
)
"""Places where a banned word is right."""

_CODE = re.compile(r"`[^`\n]*`")
"""Names of the program, in its docstrings, comments and messages."""

_TEMPLATE_CODE = re.compile(r"{[{%].*?[%}]}")

_WORD = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in BANNED), re.IGNORECASE)


def _prose_of_python(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings, other texts and comments of a module, each with its line."""
    source = file.read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, _CODE.sub("", node.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _CODE.sub("", token.string)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    return enumerate(map(partial(_TEMPLATE_CODE.sub, ""), file.read_text("utf-8").splitlines()), 1)


def prose() -> Iterator[tuple[str, str]]:
    """Yield all the prose of the project: its file and line, as an editor opens them, and words."""
    for file in (
        *sorted((ROOT / "importer").rglob("*.py")),
        *(page for page in PAGES if page.name != "gallery.md"),  # rosters of offices
        *sorted((ROOT / "importer").rglob("*.j2")),
        *sorted((ROOT / "mappings").rglob("*.yaml")),
        *sorted((ROOT / "importer" / "mapper").glob("*.toml")),
        ROOT / "mkdocs.yml",
        ROOT / "Makefile",
    ):
        for line, words in _prose_of_python(file) if file.suffix == ".py" else _lines(file):
            yield f"{file.relative_to(ROOT)}:{line}", words


def found(words: str) -> list[str]:
    """Return the banned words of a text."""
    for pattern in ALLOWED:
        words = re.sub(pattern, "", words, flags=re.IGNORECASE)
    return [hit[0].lower() for hit in _WORD.finditer(words)]


def _replacement(word: str) -> str:
    return next(use for old, use in BANNED.items() if re.fullmatch(old, word, re.IGNORECASE))


def test_no_banned_word_is_used() -> None:
    """Each place where a banned word is used, with the word to use in its place."""
    wrong = [
        f"{place}: {word!r}: use {_replacement(word)}"
        for place, words in prose()
        for word in found(words)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_docstring_asks() -> None:
    """A docstring states what something is or does; it does not ask."""
    asking = [
        f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
        for file in sorted((ROOT / "importer").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        and "?" in _CODE.sub("", (ast.get_docstring(node) or "").split("\n")[0])
    ]
    assert not asking


@pytest.mark.parametrize("words", ["The row gives way.", "a twin", "e-mail", "Nothing was told."])
def test_banned_words_are_found(words: str) -> None:
    """The search sees words of any case, anywhere in a sentence."""
    assert found(words)
