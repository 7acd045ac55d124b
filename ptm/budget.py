"""How much of a machine a run takes: what goes on side by side."""

ENTRIES = 4  # made at once: enough to hide the disk, few enough to stay small in memory
PARTS = 2  # of one entry at once, in one process: each takes a few times its bytes
THREADS = 4  # of one entry, that hash, read or decode files
DOWNLOADS = 8  # at once: they wait for the network
