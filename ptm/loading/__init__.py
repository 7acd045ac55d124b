"""Batches of the samples of an artifact: which come when, how they are gathered, where they lie.

samples.py   rows of tensors, gathered from the mapped files of parts
order.py     which sample comes when: the order of an epoch, shares of ranks, classes in balance
slots.py     memory that batches lie in, and that is used again when nobody holds them
changing.py  what is called for each batch, with random numbers that can be had again
here.py      batches made in this process, the next while one is used
workers.py   batches made in processes of their own; worker.py is such a process
loader.py    the loader: epochs, and where it stands in one
"""
