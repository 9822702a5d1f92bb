"""Which files a shell command wrote, as far as its text says so plainly. Pure.

Nothing is guessed: a name that the shell would have made up (a variable, a pattern, another
command's output) counts for nothing, and neither does a command that cannot be read to its end.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from posixpath import basename, isabs, join

MOST_WRITES = 20
Word = str | None
"""What it stands for; None when only the shell knows."""

_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\r]+ | \\\n )
  | (?P<comment> \#[^\n]* )
  | (?P<redirect> (?:[0-9]*|&) (?: >> | >\| | >&? | <<< | <<-? | <> | <&? ) )
  | (?P<end> \n | ;;? | && | \|\|? | & )
  | (?P<paren> [()] )
  | (?P<word> (?: [^\s;&|()<>"'\\] | \\. | "(?:[^"\\]|\\.)*" | '[^']*' )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(
    r"""\\(?P<one>.) | "(?P<soft>(?:[^"\\]|\\.)*)" | '(?P<hard>[^']*)' | .""",
    re.VERBOSE | re.DOTALL,
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_BEFORE_COMMANDS = frozenset({"sudo", "command", "time", "nohup", "then", "do", "else", "{", "!"})


@dataclass
class _Command:
    words: list[Word] = field(default_factory=list)
    written: list[Word] = field(default_factory=list)  # by redirections


def written_files(command: str, *, folder: str) -> list[str]:
    """Absolute paths, each once, MOST_WRITES at most. folder: where the command was run."""
    found: dict[str, None] = {}
    try:
        for path in _written(command, folder):
            found[path] = None
    except _Unreadable:
        return []
    return list(found)[:MOST_WRITES]


class _Unreadable(Exception):
    """A quote or a here-document without an end, say."""


def _written(text: str, folder: str) -> Iterator[str]:
    here: str | None = folder
    outer: list[str | None] = []
    for part in _parts(text):
        if part == "(":
            outer.append(here)
        elif part == ")":
            here = outer.pop() if outer else here
        elif isinstance(part, _Command):
            name, arguments = _named(part.words)
            for word in [*part.written, *_WRITERS.get(name or "", _nothing)(arguments)]:
                path = _placed(word, here)
                if path is not None and not path.startswith("/dev/"):
                    yield path
            if name in ("cd", "pushd", "popd"):
                here = _placed(arguments[0], here) if name == "cd" and arguments else None


def _placed(word: Word, folder: str | None) -> str | None:
    if not word or word == "-" or (folder is None and not isabs(word)):
        return None
    return join(folder or "/", word)


def _named(words: Sequence[Word]) -> tuple[Word, list[Word]]:
    """The command and what it is given."""
    for place, word in enumerate(words):
        if word is not None and (word in _BEFORE_COMMANDS or _ASSIGNMENT.match(word)):
            continue
        return (basename(word) if word else None), list(words[place + 1 :])
    return None, []


# --- reading ----------------------------------------------------------------------------------


def _parts(text: str) -> Iterator["_Command | str"]:
    """Simple commands, and the parentheses around them."""
    command, operator = _Command(), ""
    awaited: list[str] = []  # ends of here-documents
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _Unreadable
        place = match.end()
        kind, piece = str(match.lastgroup), match[0]
        if kind == "word":
            word = _meant(piece)
            if operator.endswith(("<<", "<<-")):
                awaited.append(re.sub(r"[\"'\\]", "", piece))
            elif not operator:
                command.words.append(word)
            elif ">" in operator and not operator.endswith("&"):
                command.written.append(word)
            operator = ""
        elif kind == "redirect":
            operator = piece
        elif kind in ("end", "paren"):
            yield command
            command, operator = _Command(), ""
            if kind == "paren":
                yield piece
            if piece == "\n":
                place = _after_documents(text, place, awaited)
    yield command


def _after_documents(text: str, place: int, awaited: list[str]) -> int:
    while awaited:
        end = re.compile(rf"^\t*{re.escape(awaited.pop(0))}$", re.MULTILINE).search(text, place)
        if end is None:
            raise _Unreadable
        place = end.end()
    return place


def _meant(token: str) -> Word:
    meant = ""
    for piece in _PIECE.finditer(token):
        if piece["one"] is not None:
            meant += piece["one"]
        elif piece["hard"] is not None:
            meant += piece["hard"]
        elif piece["soft"] is not None:
            if re.search(r"[$`]", piece["soft"]):
                return None
            meant += re.sub(r'\\(["\\$`])', r"\1", piece["soft"])
        elif piece[0] in "$`*?[{~":
            return None
        else:
            meant += piece[0]
    return meant


# --- commands that write ----------------------------------------------------------------------


def _files(arguments: Sequence[Word], *, valued: frozenset[str] = frozenset()) -> list[Word]:
    """What is no option. valued: options whose value is the next word."""
    files: list[Word] = []
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            return [*files, *rest]
        if word in valued:
            next(rest, None)
        elif word is None or not word.startswith("-"):
            files.append(word)
    return files


def _nothing(arguments: Sequence[Word]) -> list[Word]:
    return []


def _sed(arguments: Sequence[Word]) -> list[Word]:
    options = [word for word in arguments if word and word.startswith("-")]
    if not any(re.match(r"--in-place|-[nEsruz]*i", option) for option in options):
        return []
    files = [word for word in _files(arguments, valued=_OF_SED) if word != ""]
    has_script = any(re.match(r"--(expression|file)|-[nEsruz]*[ef]", each) for each in options)
    return files if has_script else files[1:]


_OF_SED = frozenset({"-e", "-f", "-l", "--expression", "--file"})


def _copied(arguments: Sequence[Word]) -> list[Word]:
    """Where they end up: by their own names where that has to be a folder."""
    *sources, target = _files(arguments, valued=frozenset({"-S", "-m", "-t"})) or [None]
    if not sources or target is None or any(word == "-t" for word in arguments):
        return []
    if len(sources) == 1 and not target.endswith("/"):
        return [target]
    return [join(target, basename(source)) if source else None for source in sources]


def _moved(arguments: Sequence[Word]) -> list[Word]:
    return [*_files(arguments)[:-1], *_copied(arguments)]


def _truncated(arguments: Sequence[Word]) -> list[Word]:
    return _files(arguments, valued=frozenset({"-s", "--size", "-r", "--reference"}))


def _touched(arguments: Sequence[Word]) -> list[Word]:
    return _files(arguments, valued=frozenset({"-d", "-t", "-r", "--date", "--reference"}))


def _of_git(arguments: Sequence[Word]) -> list[Word]:
    """Files that are named as such: before `--` there may be branches."""
    what, given = (arguments[0], arguments[1:]) if arguments else (None, [])
    if what == "checkout":
        return list(given[given.index("--") + 1 :]) if "--" in given else []
    if what == "restore" and not {"--staged", "-S"} & set(given):
        return _files(given, valued=frozenset({"-s", "--source"}))
    if what == "rm" and "--cached" not in given:
        return _files(given)
    return _moved(given) if what == "mv" else []


_WRITERS: dict[str, Callable[[Sequence[Word]], list[Word]]] = {
    "tee": _files,
    "rm": _files,
    "unlink": _files,
    "touch": _touched,
    "truncate": _truncated,
    "sed": _sed,
    "cp": _copied,
    "mv": _moved,
    "git": _of_git,
}
