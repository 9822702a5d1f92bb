"""The documentation lists every variable with its real default."""

import dataclasses
import re
from pathlib import Path

from dcm.env import NAMES, Env, read_env, read_env_file

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? *\| (.+) \|$", re.MULTILINE)


def test_every_variable_is_documented_with_its_default_and_meaning() -> None:
    rows = ROW.findall((ROOT / "docs/configuration.md").read_text())

    documented = {name: default for name, default, _ in rows}
    fields = {field.name.upper(): field for field in dataclasses.fields(Env)}
    fields_default = {name: str(field.default) for name, field in fields.items()}
    fields_default["DCM_HOME"] = ""  # depends on the platform
    assert documented == fields_default
    for name, _, meaning in rows:
        assert meaning.startswith(fields[name].metadata["about"]), name


def test_the_example_file_names_only_what_is_read_and_changes_nothing() -> None:
    example = ROOT / ".env.example"

    named = set(re.findall(r"^#?([A-Z_]+)=", example.read_text(), re.MULTILINE))

    assert named <= NAMES
    assert read_env_file(example) == {}
    assert read_env({}) == read_env(read_env_file(example))
