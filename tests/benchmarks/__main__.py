"""`make bench`: how fast the server is, as ratios within one run where there is a floor.

Real server processes and a real PostgreSQL; each subject in a process of its own. Medians; what is
compared takes turns, so that both see the same noise.
"""

import argparse
import importlib
import subprocess
import sys

from tests.benchmarks.reports import keep

SUBJECTS = {
    "actions": "recording actions, beside pgbench",
    "workloads": "every hot route, beside the figures of the original",
    "profile": "where the time of one request goes",
    "fanout": "from one event to every socket, beside a bare loop",
    "event_log": "commits that publish, and reading along",
    "coordinator": "one shared entry to a thousand sockets",
    "hook": "how long a host waits for dcm-hook",
    "hooks": "what a hook costs, at 100,000 actions",
    "leases": "how long a host waits before an edit, among 10,000 leases",
    "briefs": "time at 100,000 actions, and the share of questions that briefs answer",
    "routing": "suggestions among a million scores",
    "agents": "a hundred to two thousand agents at work, each with a socket",
    "growth": "reads and writes among ten thousand to ten million actions; takes minutes",
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
    parser.add_argument(
        "--largest",
        type=int,
        default=1_000_000,
        metavar="ACTIONS",
        help="how many are stored in the end (growth; default: 1,000,000)",
    )
    parser.add_argument(
        "--others", action="store_true", help="only what is measured at one connection (workloads)"
    )
    parser.add_argument("--write", action="store_true", help="keep the reports in docs/benchmarks")
    asked = parser.parse_args()
    if asked.others and asked.write:
        parser.error("--others is no whole report to keep")
    if unknown := sorted({*asked.subjects} - {*SUBJECTS}):
        parser.error(f"no such subject: {', '.join(unknown)}")
    if len(asked.subjects) != 1:
        options = ["--seconds", str(asked.seconds), "--rounds", str(asked.rounds)]
        options += ["--largest", str(asked.largest)]
        options += ["--others"] if asked.others else []
        options += ["--write"] if asked.write else []
        command = [sys.executable, "-m", "tests.benchmarks", *options]
        codes = [subprocess.call([*command, each]) for each in asked.subjects or SUBJECTS]
        return max(codes)
    (subject,) = asked.subjects
    report: str = importlib.import_module(f"tests.benchmarks.{subject}").report(asked)
    sys.stdout.write(report)
    if asked.write:
        keep(subject, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
