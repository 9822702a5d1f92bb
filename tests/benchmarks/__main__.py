"""`make bench`: how fast the server is, as ratios within one run where there is a floor.

Real server processes and a real PostgreSQL; each subject in a process of its own. Medians; what is
compared takes turns, so that both see the same noise.
"""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

REPORTS = Path(__file__).parents[2] / "docs" / "benchmarks"
SUBJECTS = {
    "actions": "recording actions, beside pgbench",
    "workloads": "every hot route, beside the figures of the original",
    "fanout": "from one event to every socket, beside a bare loop",
    "coordinator": "one shared entry to a thousand sockets",
    "hook": "how long a host waits for dcm-hook",
    "leases": "how long a host waits before an edit, among 10,000 leases",
    "briefs": "time at 100,000 actions, and the share of questions that briefs answer",
    "routing": "suggestions among a million scores",
    "search": "searches among a million actions; takes some minutes",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=",
        description=__doc__,
        epilog="\n".join(f"  {name:12} {what}" for name, what in SUBJECTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("subjects", nargs="*", help="see below (default: all)")
    parser.add_argument("--seconds", type=float, default=5, help="of a run under load (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of what takes turns (default: 3)")
    parser.add_argument("--write", action="store_true", help="keep the reports in docs/benchmarks")
    asked = parser.parse_args()
    if unknown := sorted({*asked.subjects} - {*SUBJECTS}):
        parser.error(f"no such subject: {', '.join(unknown)}")
    if len(asked.subjects) != 1:
        options = ["--seconds", str(asked.seconds), "--rounds", str(asked.rounds)]
        options += ["--write"] if asked.write else []
        command = [sys.executable, "-m", "tests.benchmarks", *options]
        codes = [subprocess.call([*command, each]) for each in asked.subjects or SUBJECTS]
        return max(codes)
    (subject,) = asked.subjects
    report: str = importlib.import_module(f"tests.benchmarks.{subject}").report(asked)
    sys.stdout.write(report)
    if asked.write:
        (REPORTS / f"{subject}.md").write_text(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
