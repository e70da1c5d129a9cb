"""Reads users' files, each in a process of its own: a hostile one costs its own answer, and nobody else's.

A process with PyTorch imported waits and never computes, so it can fork: a child is there within some 30 milliseconds,
answers one question within its limits of time and memory, and ends. Never imports torch before that process does.

    python -m core.sandbox FD    wait for questions on that socket, until its other end is closed
"""

import importlib
import logging
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import ReadingError
from core.words import size

_ROOT = Path(__file__).parents[1]
# What children need and must not import anew each time.
_WARM = ("core.predict.prediction", "core.models.saving")
_MAX_CHILDREN = 4
_IDLE_S = 600.0  # after which the waiting process ends
_LET_GO_S = 0.2
_START_S = 120.0  # for importing PyTorch on a busy computer
_LEAST_S, _BYTES_PER_S, _MOST_S = 20.0, 20e6, 300.0  # of a child's time: for any file, and for its size
_LEAST_BYTES, _SIZES = 512 * 2**20, 4  # of a child's memory: besides so many times the file's size

_log = logging.getLogger(__name__)
_mutex = threading.Lock()
_children = threading.BoundedSemaphore(_MAX_CHILDREN)
_process: "subprocess.Popen[bytes] | None" = None
_connection: socket.socket | None = None


def prepare() -> None:
    """Have the waiting process started ahead of the first question. Returns at once.

    Where none can be started, that is said in the log: a question tries again, and says so to its asker.
    """
    try:
        _start()
    except OSError as error:
        _log.warning("No process could be started ahead of the next file to read: %s", error)


def _start() -> None:
    global _process, _connection
    with _mutex:
        if _process is not None and _process.poll() is None:
            return
        if _connection is not None:
            _connection.close()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = _spawn(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        _process, _connection = process, ours


def _spawn(descriptor: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "core.sandbox", str(descriptor)],
        cwd=_ROOT,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl+C is the server's
        # It forks, so it may have neither threads of its own nor a GPU.
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )


def ask(target: str, *arguments: Any, name: str, num_bytes: int) -> Any:
    """The answer of `target`, a "module:function" that reads a file of that many bytes, or its exception.

    `name` is the file's, for messages.

    Raises:
        ReadingError: the file takes more time or memory than its size allows, too many others are being read, or no
            process can be started.
    """
    seconds = min(_LEAST_S + num_bytes / _BYTES_PER_S, _MOST_S)
    memory = _LEAST_BYTES + _SIZES * num_bytes
    question = pickle.dumps((target, arguments, seconds, memory))
    if not _children.acquire(timeout=_LEAST_S):
        raise ReadingError(f"{name} was not read, because too many other files are being read. Try again in a minute.")
    try:
        answer, waiting = _exchange(question, timeout_s=_START_S + seconds)
        if not answer and _has_ended(waiting):  # the waiting process itself, which was idle, or was killed
            answer, _ = _exchange(question, timeout_s=_START_S + seconds)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ReadingError(
            f"{name} was not read, because no process can be started: {reason}. Close other programs, and try again."
        ) from error
    finally:
        _children.release()
    if not answer:
        raise ReadingError(
            f"{name} could not be read within {seconds:.0f} s and {size(memory)} of memory. Try again, or "
            "choose another file."
        )
    succeeded, result = pickle.loads(answer)
    if not succeeded:
        raise result
    return result


def stop() -> None:
    """End the waiting process. Children end by themselves."""
    global _process, _connection
    with _mutex:
        if _connection is not None and _process is not None:
            _connection.close()
            _process.terminate()
            _process.wait()
        _process = _connection = None


def _has_ended(waiting: "subprocess.Popen[bytes]") -> bool:
    """Whether a waiting process is gone, or goes in this moment."""
    try:
        return waiting.wait(timeout=_LET_GO_S) is not None
    except subprocess.TimeoutExpired:
        return False


def _exchange(question: bytes, *, timeout_s: float) -> "tuple[bytes, subprocess.Popen[bytes]]":
    """What a child answers, nothing if it died, and the waiting process that was asked for it."""
    _start()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, _mutex:
            assert _connection is not None
            assert _process is not None
            waiting = _process
            with suppress(OSError):  # it has ended: nothing is received below
                socket.send_fds(_connection, [b"?"], [theirs.fileno()])
        ours.settimeout(timeout_s)
        try:
            ours.sendall(question)
            ours.shutdown(socket.SHUT_WR)
            return _receive(ours), waiting
        except OSError:  # a time-out, too
            return b"", waiting


def _receive(connection: socket.socket) -> bytes:
    """All that comes until the other end is closed."""
    parts: list[bytes] = []
    while part := connection.recv(2**16):
        parts.append(part)
    return b"".join(parts)


def _wait_for_questions(connection: socket.socket) -> None:
    for module in _WARM:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no child is waited for
    connection.settimeout(_IDLE_S)
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
        except TimeoutError:
            return
        if not message:
            return
        if os.fork() == 0:
            _answer(socket.socket(fileno=descriptors[0]))
            os._exit(0)
        os.close(descriptors[0])


def _answer(connection: socket.socket) -> None:
    """In a child: one question, one answer."""
    target, arguments, seconds, memory = pickle.loads(_receive(connection))
    signal.setitimer(signal.ITIMER_REAL, seconds)  # ends the process
    _limit_memory(memory)
    module, _, function = target.partition(":")
    try:
        answer = True, getattr(importlib.import_module(module), function)(*arguments)
    except Exception as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            os._exit(1)  # what no answer means is known at the other end
        answer = False, error
    connection.sendall(pickle.dumps(answer))


def _limit_memory(num_bytes: int) -> None:
    """Let this process take so many bytes more than it has. Elsewhere than on Linux, the time alone is limited."""
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (used + num_bytes, used + num_bytes))


if __name__ == "__main__":
    _wait_for_questions(socket.socket(fileno=int(sys.argv[1])))
