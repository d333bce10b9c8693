"""What a fresh interpreter loads: this one has loaded everything long since."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection


def loaded(code: str, names: Collection[str]) -> set[str]:
    """Those of the modules `names` that are loaded once `code` has run."""
    script = f"import sys\n{code}\nprint(*({set(names)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
