"""The processes that answer: this one, or several that share the sockets."""

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

logger = logging.getLogger("dcm.serve")

GRACE_SECONDS = 5  # for requests under way, once a stop is asked for
LIMIT_SECONDS = 8  # after that, whatever still hangs is left behind
STARTUP_SECONDS = 30
ANSWER_SECONDS = 0.2  # for a worker that is asked whether it is there
LARGEST_FRAME_BYTES = 32 * 1024 * 1024

Callback = Callable[[], None]


class CannotStart(Exception):
    """The application failed to start; the log above says why."""


def stop_signals() -> list[signal.Signals]:
    """What asks the server to stop: SIGTERM, Ctrl-C, a closed terminal unless under nohup."""
    closed = [] if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGTERM, signal.SIGINT, *closed]


def allow_open_files() -> None:
    """As many as the system lets us: each socket is one, and shells allow but 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(
    sockets: list[socket.socket], *, workers: int, on_ready: Callback, on_overrun: Callback
) -> None:
    """Serve until asked to stop, then finish what is under way. Raises CannotStart.

    on_overrun: called in a thread when stopping takes too long; it must end the process.
    """
    config = uvicorn.Config(
        "dcm.asgi:application",
        loop="uvloop",
        http="dcm.serving.http:Protocol",
        ws="dcm.serving.websocket:Protocol",
        ws_max_size=LARGEST_FRAME_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        workers=workers,
        timeout_graceful_shutdown=GRACE_SECONDS,
        callback_notify=leave_with_parent,
        timeout_notify=1,
    )
    deadline = threading.Timer(LIMIT_SECONDS, on_overrun)
    deadline.daemon = True
    try:
        if workers == 1:
            Server(config, on_ready, deadline).run(sockets)
        else:
            Workers(config, sockets, on_ready, deadline).run()
    except SystemExit:  # how uvicorn says that the application's startup failed
        raise CannotStart("DCM could not start: the lines above say why") from None
    finally:
        deadline.cancel()


async def leave_with_parent() -> None:
    """A worker whose parent was killed would keep the ports from the next server."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os.kill(os.getpid(), signal.SIGTERM)


class Server(uvicorn.Server):
    """Serves in this process."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callback, deadline: threading.Timer
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._deadline = deadline

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike the original's, does not raise the signal again: a stop is no failure."""
        before = {number: signal.signal(number, self.handle_exit) for number in stop_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._deadline.start()
        super().handle_exit(sig, frame)


class Worker(Process):
    """One of several. heard_at: when it last answered, or began."""

    heard_at = float("-inf")

    def start(self) -> None:
        super().start()
        self.heard_at = time.monotonic()

    def is_well(self) -> bool:
        """Runs, and has answered not long ago."""
        if self.is_alive(ANSWER_SECONDS):
            self.heard_at = time.monotonic()
            while self.parent_conn.poll():  # answers that came late
                self.parent_conn.recv()
        return self.process.is_alive() and time.monotonic() - self.heard_at < STARTUP_SECONDS


class Workers(Multiprocess):
    """Serves in several processes; one that dies is replaced."""

    processes: list[Worker]  # type: ignore[assignment]

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        on_ready: Callback,
        deadline: threading.Timer,
    ) -> None:
        super().__init__(config, sockets)
        self._on_ready = on_ready
        self._deadline = deadline
        self._asked_to_stop = False

    def run(self) -> None:
        super().run()
        if not self._asked_to_stop:
            raise SystemExit

    def init_processes(self) -> None:
        self.processes = [self._started() for _ in range(self.processes_num)]
        if all(worker.wait_until_ready(STARTUP_SECONDS) for worker in self.processes):
            self._on_ready()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or have not answered for long.

        The original waits for each answer, but one that is killed while it is asked never answers:
        it would not be replaced for half a minute, and a stop would wait as long.
        """
        for place, worker in enumerate(self.processes):
            if not worker.is_well():
                self._replace(place)

    def _started(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker

    def _replace(self, place: int) -> None:
        ended = self.processes[place]
        ended.kill()
        ended.join()
        if ended.exitcode == STARTUP_FAILURE:  # so would the next one
            self.should_exit.set()
        if self.should_exit.is_set():
            return
        logger.warning("worker %s ended with %s and is replaced", ended.pid, ended.exitcode)
        self.processes[place] = self._started()

    def terminate_all(self) -> None:
        for shared in self.sockets:
            shared.close()
        super().terminate_all()

    def handle_term(self) -> None:
        if not self._asked_to_stop:
            self._asked_to_stop = True
            self._deadline.start()
        self.should_exit.set()

    handle_int = handle_term
    handle_hup = handle_term
