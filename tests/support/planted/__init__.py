"""Folders as people have them, each with planted truths, for `ptm init` and `ptm run`."""

from tests.support.planted.made import Folder, Made, nothing_lost
from tests.support.planted.measurements import MEASUREMENTS
from tests.support.planted.people import PEOPLE
from tests.support.planted.photos import PHOTOS
from tests.support.planted.projects import PROJECTS

FOLDERS = [*PEOPLE, *MEASUREMENTS, *PHOTOS, *PROJECTS]

__all__ = ["FOLDERS", "Folder", "Made", "nothing_lost"]
