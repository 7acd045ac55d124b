"""On the path of a process, makes one kind of source last: as long as a file is there.

PTM_TEST_HOLD names the file; a process that waits leaves another, with its number.
Real sources last as long when they are large; a test cannot wait.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time
from pathlib import Path

HELD = "ptm.kinds.table"


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        read = module.read

        def slow(*arguments):
            hold = Path(os.environ["PTM_TEST_HOLD"])
            hold.with_name(f"{hold.name}-{os.getpid()}").touch()
            while hold.exists():
                time.sleep(0.05)
            return read(*arguments)

        module.read = slow


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != HELD:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.origin:
            spec.loader = _Loader(name, spec.origin)
        return spec


if "PTM_TEST_HOLD" in os.environ:
    sys.meta_path.insert(0, _Finder())
