"""ptm as a wheel brings it: environments that have it and nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import Done

# what would make the environment of the tests, or their server, count
LEAKING = ("PYTHONPATH", "PREFECT_API_URL", "PTM_DATA_MIRROR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Installed:
    """A virtual environment, and who uses it.

    Attributes:
        venv: the environment.
        home: the home folder of who uses it; Prefect's is in it.
    """

    venv: Path
    home: Path

    @property
    def packages(self) -> Path:
        """The folder that things are installed in."""
        [found] = self.venv.glob("lib/python*/site-packages")
        return found

    def run(self, command: str, *words: str | Path, cwd: Path, **environment: str) -> Done:
        """A command of the environment, in a working folder, 80 columns wide."""
        own = {"HOME": str(self.home), "PREFECT_HOME": str(self.home / "prefect")}
        own |= {"PATH": f"{self.venv / 'bin'}:/usr/bin:/bin", "COLUMNS": "80", "NO_COLOR": "1"}
        done = subprocess.run(
            [str(self.venv / "bin" / command), *map(str, words)],
            cwd=cwd,
            env={k: v for k, v in os.environ.items() if k not in LEAKING} | own | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr, [])


def pip(*words: str | Path, seconds: float = 300) -> str:
    """What the pip of the tests prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment_with(wheel: Path, place: Path) -> Installed:
    """A new environment with a wheel, which borrows from the tests' own what ptm depends on."""
    own = Installed(place / "venv", place / "home")
    own.home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(own.venv)], check=True)
    python = own.venv / "bin" / "python"
    pip("--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel)
    # a folder that a .pth names is searched, but its own .pth files are not read: the editable
    # ptm of the checkout stays out
    (own.packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return own
