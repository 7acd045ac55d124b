"""What runs, in which order: flows, deployments, the local server, the `ptm` command."""

from ptm.origin import expect_ours

expect_ours("tasks")  # else a stranger's would fail somewhere on the way
