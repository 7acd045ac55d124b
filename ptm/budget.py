"""How much of a machine one entry takes while it is made; a run makes several side by side."""

THREADS = 4  # that hash, read or decode files
