"""gunicorn's configuration. Address, workers and threads come from the settings, on its command line."""

import logging
import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any

from llm_interactive.web.worker import Worker

# Connections are files: those of clients, the model and the database together are more than the usual 1,024.
_, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most_files, _most_files))


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError))


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

# Of them, those that calls to the model may take, which are paid for, and those that the answers may take after that.
_CALL_SECONDS = 25.0
_ANSWER_SECONDS = 2.0

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
        threading.Thread(target=_wind_down, args=(services,), daemon=True).start()
        finish(number, frame)

    signal.signal(signal.SIGTERM, stop)


def _wind_down(services: Any) -> None:
    services.wind_down(_CALL_SECONDS)
    time.sleep(_ANSWER_SECONDS)
    # What is left is no call to the model but other work, such as the decoding of an image, which nothing can end.
    services.close()
    os._exit(0)


def worker_exit(_: Any, worker: Any) -> None:
    """Commit what is paid for."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["llm_interactive"].close()
