"""What runs, in which order: the flows here, and what they need.

running/   what a run needs: a server, the connection to it, task runners, a proper end
serving/   `ptm serve`
terminal/  the `ptm` command and its screens
"""

import os

from ptm.origin import expect_ours

# Prefect looks at these when it is imported, which happens after this; what a user set stays
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
expect_ours("tasks")  # else a stranger's would fail somewhere on the way
