"""The documentation lists every metric as it is."""

import re
from pathlib import Path

from dcm.monitoring.families import FAMILIES

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) *\| (.+) \|$", re.MULTILINE)


def test_every_metric_is_documented_as_it_is() -> None:
    text = DOCUMENT.read_text()

    documented = [
        (name, kind, re.findall(r"`(\w+)`", labels), meaning)
        for name, kind, labels, meaning in ROW.findall(text)
    ]
    assert documented == [
        (
            each.name,
            each.kind,
            [*each.labels, *(["process"] if each.of_process else [])],
            each.about,
        )
        for each in FAMILIES
    ]


def test_alerts_ask_for_metrics_that_there_are() -> None:
    asked = set(re.findall(r"\bdcm_\w+", DOCUMENT.read_text().partition("groups:")[2]))

    names = {each.name for each in FAMILIES}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in asked} <= names
