"""How gunicorn serves the backend. Address, workers and threads come from the settings, on its command line."""

import signal
import threading
from pathlib import Path
from typing import Any

import gunicorn.http.wsgi

# The Server header need not tell which release to attack.
gunicorn.http.wsgi.SERVER = ""

# One thread for each request: a prediction is mostly waiting for the model.
worker_class = "gthread"

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
    """Let the signal to stop also drop the calls that wait for the model: requests are answered with what is there."""
    finish = signal.getsignal(signal.SIGTERM)
    dispatcher = worker.wsgi.extensions["llm_interactive"].dispatcher

    def stop(number: int, frame: Any) -> None:
        # In a thread: a signal handler must not wait for a lock that its own thread may hold.
        threading.Thread(target=dispatcher.close, daemon=True).start()
        finish(number, frame)

    signal.signal(signal.SIGTERM, stop)


def worker_exit(_: Any, worker: Any) -> None:
    """Commit what is paid for."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["llm_interactive"].close()
