"""Carries out a Dockerfile without Docker: each stage is a folder, and paths in it are put below.

What it cannot do: the base image, and the isolation of a container. Instructions that it does not
know are errors, so that a Dockerfile cannot outgrow it unnoticed.
"""

import fnmatch
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

NOT_CARRIED_OUT = frozenset({"EXPOSE", "VOLUME", "STOPSIGNAL"})
ADDS_A_USER = re.compile(r"useradd .*--home-dir (\S+)")
STAND_IN = pwd.getpwnam("nobody").pw_uid
"""For the user that the image adds, which this machine need not get."""

WITHOUT_RIGHTS = "--no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all"


@dataclass
class Stage:
    """root: folder of its files. paths: that are its own, such as /venv."""

    name: str
    root: Path
    workdir: str = "/"
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def below(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def mapped(self, text: str) -> str:
        """The text with its own paths as they are here."""
        for path in sorted(self.paths, key=len, reverse=True):
            text = re.sub(rf"(?<![\w./]){re.escape(path)}(?![\w-])", str(self.below(path)), text)
        return text

    def run(self, command: list[str], **options: object) -> "subprocess.Popen[str]":
        """Start it as the stage's user, in its folder, with its environment and no other."""
        base = {"PATH": os.defpath, "HOME": str(self.root)}
        environment = base | {name: self.mapped(text) for name, text in self.environment.items()}
        search = environment["PATH"]
        program = shutil.which(command[0], path=search) or command[0]
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [*self._as_user(), program, *map(self.mapped, command[1:])],
            cwd=self.below(self.workdir),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def _as_user(self) -> list[str]:
        if os.geteuid() or self.user == "root":
            return []
        ids = [f"--reuid={STAND_IN}", f"--regid={STAND_IN}", "--clear-groups"]
        return ["setpriv", *ids, *WITHOUT_RIGHTS.split()]


class Build:
    """stages: as built; the last is the image."""

    def __init__(self, context: Path, folder: Path, python: str) -> None:
        self.context = context
        self.folder = folder
        self.python = python
        self.stages: list[Stage] = []
        self.ignored = (context / ".dockerignore").read_text().splitlines()
        for line in _instructions((context / "Dockerfile").read_text()):
            name, _, rest = line.partition(" ")
            if name not in NOT_CARRIED_OUT:
                getattr(self, f"_{name.lower()}")(rest.strip())

    @property
    def stage(self) -> Stage:
        return self.stages[-1]

    def _from(self, rest: str) -> None:
        image, _, name = rest.partition(" AS ")
        assert image.startswith("python:"), image
        root = self.folder / f"stage-{len(self.stages)}"
        root.mkdir()
        self.stages.append(Stage(name, root))
        (root / "bin").mkdir()
        (root / "bin/python").symlink_to(self.python)
        self.stage.environment["PATH"] = f"{root}/bin:{os.defpath}"

    def _run(self, rest: str) -> None:
        if found := ADDS_A_USER.match(rest):
            self._own(found[1])
            self.stage.below(found[1]).mkdir(parents=True)
            return
        for command in rest.split(" && "):
            self._call(shlex.split(command))

    def _call(self, command: list[str]) -> None:
        self._own(*(each for each in command if each == "/venv"))
        with self.stage.run([self.stage.mapped(each) for each in command]) as process:
            assert process.stdout is not None
            printed = process.stdout.read()
        assert process.returncode == 0, f"{command}: {printed[-3000:]}"

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        begin = self.context
        from_stage = None
        if sources[0].startswith("--from="):
            named = sources.pop(0).removeprefix("--from=")
            (from_stage,) = [stage for stage in self.stages if stage.name == named]
        to = target if target.startswith("/") else f"{self.stage.workdir}/{target}"
        self._own(to.rstrip("/"))
        for source in sources:
            path = from_stage.below(source) if from_stage else begin / source
            assert path.exists(), f"COPY {source}: it is not there"
            assert from_stage or not self.is_ignored(source), f"{source} is in .dockerignore"
            into = self.stage.below(to)
            if path.is_dir():
                shutil.copytree(path, into, symlinks=True, ignore=self._ignoring)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, into)

    def is_ignored(self, path: str) -> bool:
        """By the rules of .dockerignore: the last that matches decides."""
        ignored = False
        for rule in self.ignored:
            pattern = rule.removeprefix("!").removeprefix("**/")
            if rule and not rule.startswith("#") and _matches(path, pattern):
                ignored = not rule.startswith("!")
        return ignored

    def _ignoring(self, folder: str, names: list[str]) -> list[str]:
        if not Path(folder).is_relative_to(self.context):
            return []
        inside = Path(folder).relative_to(self.context)
        return [name for name in names if self.is_ignored(str(inside / name))]

    def _env(self, rest: str) -> None:
        for each in shlex.split(rest):
            name, _, text = each.partition("=")
            given = text.replace("$PATH", self.stage.environment["PATH"])
            self.stage.environment[name] = given

    def _workdir(self, rest: str) -> None:
        self.stage.workdir = rest
        self._own(rest)
        self.stage.below(rest).mkdir(parents=True, exist_ok=True)

    def _user(self, rest: str) -> None:
        self.stage.user = rest

    def _cmd(self, rest: str) -> None:
        self.stage.command = json.loads(rest)

    def _healthcheck(self, rest: str) -> None:
        self.stage.healthcheck = json.loads(rest.partition("CMD")[2])

    def _own(self, *paths: str) -> None:
        for path in paths:
            self.stage.paths.add(path)


def _matches(path: str, pattern: str) -> bool:
    """Whether the rule is about this path or a folder that it is in."""
    parts = Path(path).parts
    return pattern == "*" or any(
        fnmatch.fnmatch(part, pattern) or "/".join(parts[: number + 1]) == pattern
        for number, part in enumerate(parts)
    )


def _instructions(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [" ".join(line.split()) for line in joined.splitlines() if line.strip()]
