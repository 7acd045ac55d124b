"""Folders as people have them, each with planted truths, for `ptm init` and `ptm run`."""

from tests.support.own_folders.made import Folder, Made, nothing_lost
from tests.support.own_folders.measurements import MEASUREMENTS
from tests.support.own_folders.people import PEOPLE
from tests.support.own_folders.photos import PHOTOS
from tests.support.own_folders.projects import PROJECTS

FOLDERS = [*PEOPLE, *MEASUREMENTS, *PHOTOS, *PROJECTS]

__all__ = ["FOLDERS", "Folder", "Made", "nothing_lost"]
