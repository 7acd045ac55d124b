"""An environment with the packages of others, below the folder for temporary files.

It sees the project's packages too, so that all sides run the same versions of what they share.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.inputs import KEPT

LOCK = Path(__file__).with_name("peers.txt")
LACKING = "MDSWriter and the Hugging Face map: PTM_BENCH_PEERS=1 installs them in a minute"
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(KEPT / "hugging-face")}
ENVIRONMENT |= {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}


def python() -> Path | None:
    """Its interpreter; None where it is not there and PTM_BENCH_PEERS does not ask for it."""
    folder = KEPT / f"peers-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8]}"
    found = folder / "bin" / "python"
    if (folder / "whole").exists():
        return found
    if os.environ.get("PTM_BENCH_PEERS") != "1":
        return None
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({shared!r})" for shared in site.getsitepackages()]
    (packages / "shared.pth").write_text("\n".join(lines) + "\n")
    pip = [found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--requirement", LOCK], check=True)
    (folder / "whole").touch()
    return found
