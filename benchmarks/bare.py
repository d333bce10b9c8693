"""`python -m benchmarks.bare URL THREADS`: what the openai client can do without a backend around it.

Reads lines "group count", makes that many calls, prints the seconds they took.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from benchmarks import bodies


def main() -> None:
    client = openai.OpenAI(base_url=sys.argv[1], api_key="loopback", max_retries=0)
    threads = int(sys.argv[2])

    def ask(messages: Any) -> str | None:
        completion = client.chat.completions.create(model=bodies.MODEL, messages=messages, temperature=0.7)
        return completion.choices[0].message.content

    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            group, count = line.split()
            chats = [bodies.messages(name) for name in bodies.names(group, int(count))]
            began = time.perf_counter()
            for reply in pool.map(ask, chats):
                assert reply is not None
            print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
