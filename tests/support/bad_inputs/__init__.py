"""Inputs and catalogs that are wrong, each with what is said of it."""

from tests.support.bad_inputs.building import TABLE, WINE, BadInput, file, write_all
from tests.support.bad_inputs.catalogs import CATALOG_MISTAKES, CatalogMistake
from tests.support.bad_inputs.dialects import BAD_DIALECTS
from tests.support.bad_inputs.formats import BAD_FORMATS
from tests.support.bad_inputs.images import BAD_IMAGES
from tests.support.bad_inputs.labels import BAD_LABELS
from tests.support.bad_inputs.meanings import BAD_MEANINGS
from tests.support.bad_inputs.options import OPTION_MISTAKES
from tests.support.bad_inputs.photos import BAD_PHOTOS
from tests.support.bad_inputs.series import BAD_SERIES
from tests.support.bad_inputs.tables import BAD_TABLES
from tests.support.bad_inputs.texts import BAD_TEXTS
from tests.support.bad_inputs.volumes import BAD_VOLUMES

BAD_INPUTS = BAD_IMAGES + BAD_VOLUMES + BAD_TABLES + BAD_SERIES + BAD_TEXTS

BAD_BY_OPTION = BAD_DIALECTS + BAD_FORMATS + BAD_MEANINGS + BAD_LABELS + BAD_PHOTOS

__all__ = [
    "BAD_BY_OPTION",
    "BAD_IMAGES",
    "BAD_INPUTS",
    "BAD_PHOTOS",
    "CATALOG_MISTAKES",
    "OPTION_MISTAKES",
    "TABLE",
    "WINE",
    "BadInput",
    "CatalogMistake",
    "file",
    "write_all",
]
