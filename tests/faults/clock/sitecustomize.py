"""Python runs this first in a process whose PYTHONPATH has this folder: its clock can be moved.

The time of day jumps, for this process, by the first of CLOCK_JUMPS, and with each SIGUSR2 by the
next: seconds, separated by commas. What measures durations goes on, as it does when a clock is set.
"""

import os
import signal
import time

import time_machine

jumps = [int(text) for text in os.environ["CLOCK_JUMPS"].split(",")]


def jump(number: int, frame: object) -> None:
    time_machine.travel(time.time() + jumps.pop(0), tick=True).start()


signal.signal(signal.SIGUSR2, jump)
jump(signal.SIGUSR2, None)
