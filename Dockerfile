FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

# The roots that TLS connections are checked against come from the operating system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*

# The server runs as this user, by number, so that a cluster can see that it is not root.
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin backend \
    && install --directory --owner=10001 --group=10001 /data

WORKDIR /src

# The locks are complete and hashed: nothing is resolved here, and no release other than the tested ones is installed.
# The second one reads images for models that take text only; without it the image is 60 MB smaller.
COPY requirements.txt requirements-ocr.txt ./
RUN python -m pip install --no-deps --require-hashes -r requirements.txt -r requirements-ocr.txt

COPY pyproject.toml README.md LICENSE ./
COPY llm_interactive ./llm_interactive
RUN python -m pip install --no-deps --no-build-isolation .

ENV HOST=0.0.0.0 \
    PORT=9090 \
    MODEL_DIR=/data

# A folder that the server cannot write to: nothing in it is imported in the place of the installed package.
WORKDIR /app
VOLUME /data
USER 10001:10001
EXPOSE 9090

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 9090), timeout=4); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]

# Becomes gunicorn, which then is process 1 and gets the signal to stop.
CMD ["llm-interactive", "serve"]
