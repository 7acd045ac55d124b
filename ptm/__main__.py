"""`python -m ptm`: the `ptm` command."""

from __future__ import annotations

import sys

from ptm.origin import expect_ours

if __name__ == "__main__":
    try:
        expect_ours("flows", "tasks")
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    from flows.terminal.cli import main

    main()
