"""gunicorn's configuration. Address, workers and threads come from the settings, on its command line."""

import json
import logging
import signal
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import gunicorn.http.wsgi
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

# The Server header need not tell which release to attack.
gunicorn.http.wsgi.SERVER = ""

_STALLED_SECONDS = 10
_UNREAD_SECONDS = 60


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's threads, safe from clients that send no HTTP, or half a request."""

    def handle(self, conn: Any) -> Any:
        """Serve a connection; one on which nothing comes, or nothing is read, must not keep its thread."""
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _STALLED_SECONDS, 0))
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _UNREAD_SECONDS, 0))
        return super().handle(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP. gunicorn's own page and log repeat it: a mistyped Authorization header, too."""
        from llm_interactive.web.app import SECURITY_HEADERS

        status, reason = 400, "Bad Request"
        if isinstance(exc, LimitRequestLine):
            status, reason = 414, "URI Too Long"
        elif isinstance(exc, LimitRequestHeaders):
            status, reason = 431, "Request Header Fields Too Large"
        elif not isinstance(exc, ParseException):
            status, reason = 500, "Internal Server Error"
            self.log.error("A request failed", exc_info=exc)
        self.log.info("A client was answered %s: %s", status, type(exc).__name__)
        body = json.dumps({"error": f"{reason}."})
        headers = {"Connection": "close", "Content-Type": "application/json", "Content-Length": len(body)}
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, **SECURITY_HEADERS}.items()]
        write_nonblock(client, f"HTTP/1.1 {status} {reason}.\r\n{''.join(lines)}\r\n{body}".encode())


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


# That a client stalled is no error of ours, and fills no log with tracebacks.
logging.getLogger("gunicorn.error").addFilter(_is_news)

# One thread for each request: a prediction is mostly waiting for the model.
worker_class = Worker

# Seconds without a heartbeat after which a worker counts as hung. Threads at work do not hold the heartbeat back:
# a request may take as long as it needs.
timeout = 60

# Heartbeats go to memory where there is some: a busy disk must not look like a hung worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own file there

# Seconds that requests under way are given when the server is told to stop.
graceful_timeout = 30

# Longer than load balancers keep an idle connection (60 s is usual), so that it is they who close it.
keepalive = 75

# Nobody controls this server but by its signals.
control_socket_disable = True

# Requests are counted in /metrics; errors go to stderr.
accesslog = None
errorlog = "-"


def post_worker_init(worker: Any) -> None:
    """Let the signal to stop also drop what waits for a file or the model: requests are answered with what is there."""
    finish = signal.getsignal(signal.SIGTERM)
    assert callable(finish)
    services = worker.wsgi.extensions["llm_interactive"]

    def stop(number: int, frame: Any) -> None:
        # In a thread: a signal handler must not wait for a lock that its own thread may hold.
        threading.Thread(target=services.stop, daemon=True).start()
        finish(number, frame)

    signal.signal(signal.SIGTERM, stop)


def worker_exit(_: Any, worker: Any) -> None:
    """Commit what is paid for."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["llm_interactive"].close()
