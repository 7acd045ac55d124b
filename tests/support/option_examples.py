"""An example of each option of a catalog: docs/catalog.md shows its first line.

More lines are what the option needs beside it. An entry is of the lines of `ENTRIES`, unless the
example says itself what it is made of. Options of tables in options have their place in dots.
"""

from __future__ import annotations

# options that are on their way: their examples are shown, and tried, once a kind has them
COMING = {
    *("data", "pattern", "quote", "decimal", "thousands", "comment", "skip_rows", "na_values"),
    *("sheet", "sql", "database", "order", "dates", "date_format", "missing", "indicator", "codes"),
    *("min_count", "file_column", "label_column", "label_separator", "regression"),
    *("masks", "pairs", "color", "resize", "fit", "frames"),
}

ENTRIES = {  # by kind, what an entry has in any case
    "images": 'path = "photos"',
    "volume": 'path = "scan"',
    "table": 'path = "houses.csv"',
    "timeseries": 'path = "rentals.csv"',
    "text": 'path = "novel.txt"',
    "audio": 'path = "birds"',
    "threshold": 'of = "houses"',
    "fits": 'of = "houses"',
}
SAYS_ITSELF = ("path", "rows", "sql", "of")  # options that tell what an entry is made of

ABOUT = {  # of the table [catalog]
    "name": 'name = "houses"',
    "kinds": 'kinds = { pets = "pets.py" }',
    "data": 'data = "photos/2024"',
}

EVERY = {  # options of every entry, shown in a table, or what the comment says
    "kind": 'kind = "table"',
    "path": 'path = "sales/2024.csv"',
    "of": 'of = ["houses"]',  # of a threshold
    "learn_from": 'learn_from = "houses"',  # of a table
    "timeout": 'timeout = "10m"',
    "store": 'store = "raw"',
    "part_bytes": "part_bytes = 16_777_216",
    "split": "split = { train = 0.8, val = 0.1, test = 0.1 }",
    "seed": "seed = 1\nsplit = { train = 0.8, test = 0.2 }",
    "group": 'group = "district"\nsplit = { train = 0.8, test = 0.2 }',
    "near": 'near = "group"\nsplit = { train = 0.8, test = 0.2 }',
    "time": 'time = "sold"\nsplit = { train = "..2023", test = "2024.." }',
    "embargo": 'embargo = "7d"\ntime = "sold"\nsplit = { train = "..2023", test = "2024.." }',
    "statistics": 'statistics = "all"',
    "on_bad": 'on_bad = "quarantine"',
    "max_bad": 'max_bad = 0.01\non_bad = "quarantine"',
    "expect": "expect = { rows = { min = 1000 } }",
    "expect.columns": "expect.columns = { price = { min = 0 } }",
    "expect.columns.NAME.min": "expect.columns.price.min = 0",
    "expect.columns.NAME.max": "expect.columns.price.max = 1e7",
    "expect.columns.NAME.unique": "expect.columns.id.unique = true",
    "expect.columns.NAME.missing": "expect.columns.price.missing = 0.05",
    "expect.columns.NAME.mean": "expect.columns.price.mean = { min = 1e5, max = 1e6 }",
    "expect.columns.NAME.mean.min": "expect.columns.price.mean.min = 1e5",
    "expect.columns.NAME.mean.max": "expect.columns.price.mean.max = 1e6",
    "expect.columns.NAME.median": "expect.columns.price.median = { min = 1e5, max = 1e6 }",
    "expect.columns.NAME.median.min": "expect.columns.price.median.min = 1e5",
    "expect.columns.NAME.median.max": "expect.columns.price.median.max = 1e6",
    "expect.columns.NAME.values": 'expect.columns.district.values = ["north", "south"]',
    "expect.columns.NAME.level": 'expect.columns.price = { min = 0, level = "warning" }',
    "expect.rows": "expect.rows = { min = 1000 }",
    "expect.rows.min": "expect.rows.min = 1000",
    "expect.rows.max": "expect.rows.max = 100_000",
    "expect.rows.level": 'expect.rows = { min = 1000, level = "warning" }',
    "expect.missing": "expect.missing = 0",
    "expect.classes": 'expect.classes = 5\ntarget = "rating"\nclasses = 5',
    "expect.level": 'expect = { missing = 0, level = "warning" }',
    "drift": "drift = 0.1",
    "drift.limit": "drift.limit = 0.2",
    "drift.missing": "drift.missing = 0.05",
    "drift.level": 'drift.level = "error"',
    "drift.against": 'drift.against = "pinned"',
    "drift.columns": "drift.columns = { price = 0.3 }",
    "drift.columns.NAME.limit": "drift.columns.price.limit = 0.3",
    "drift.columns.NAME.missing": "drift.columns.price.missing = 0.1",
    "drift.columns.NAME.level": 'drift.columns.price.level = "error"',
}

READING = {  # of kinds that read tables
    "pattern": 'pattern = "2024-*.csv"',
    "delimiter": 'delimiter = ";"',
    "quote": 'quote = "\'"',
    "decimal": 'decimal = ","\ndelimiter = ";"',
    "thousands": 'thousands = "."\ndecimal = ","\ndelimiter = ";"',
    "comment": 'comment = "#"',
    "skip_rows": "skip_rows = 3",
    "encoding": 'encoding = "cp1252"',
    "header": "header = false",
    "na_values": 'na_values = ["NA", "?"]',
    "sheet": 'sheet = "2024"\npath = "houses.xlsx"',
    "sql": 'sql = "select * from houses"\ndatabase = "HOUSES_DB"',
    "database": 'database = "HOUSES_DB"\nsql = "select * from houses"',
}

OF_KINDS = {
    "images": {
        "pattern": 'pattern = "**/*.jpg"',
        "standardize": "standardize = true",
        "labels": 'labels = "folder"',
        "file_column": 'file_column = "image"\nlabels = "labels.csv"',
        "label_column": 'label_column = "breed"\nlabels = "labels.csv"',
        "label_separator": 'label_separator = "|"\nlabels = "labels.csv"',
        "regression": 'regression = true\nlabels = "ages.csv"',
        "masks": 'masks = "masks/{stem}.png"',
        "pairs": 'pairs = "clean/{stem}.png"',
        "color": 'color = "rgb"',
        "resize": "resize = [224, 224]",
        "fit": 'fit = "pad"\nresize = [224, 224]',
        "frames": "frames = true",
        "on_damage": 'on_damage = "note"',
        "max_bytes": "max_bytes = 1_073_741_824",
    },
    "volume": {
        "pattern": 'pattern = "*.ima"',
        "series": 'series = "1.3.6.1.4.1.14519.5.2.1"',
        "padding": "padding = -1024",
        "max_bytes": "max_bytes = 1_073_741_824",
    },
    "table": {
        "columns": 'columns = ["area", "floors", "price"]',
        "exclude": 'exclude = ["id"]',
        "rows": 'rows = [[35.7, 0.5], [55.9, 14.0]]\ncolumns = ["t_u", "t_c"]',
        **READING,
        "order": 'order = { size = ["S", "M", "L"] }',
        "dates": 'dates = { sold = ["year", "month"] }',
        "date_format": 'date_format = "%d.%m.%Y"\ndates = { sold = "days" }',
        "missing": 'missing = { area = "median", floors = 1, district = "category" }\n'
        'measures = { district = "categorical" }',
        "indicator": 'indicator = ["area"]\nmissing = { area = "mean" }',
        "codes": 'codes = ["district"]\nmeasures = { district = "categorical" }',
        "min_count": 'min_count = 10\nmeasures = { district = "categorical" }',
        "target": 'target = "price"',
        "classes": 'classes = 5\ntarget = "rating"',
        "standardize": "standardize = false",
        "measures": 'measures = { district = "categorical", floors = "ordinal" }',
        "units": 'units = { area = "m²", price = "€" }',
        "precision": 'precision = "float32"',
        "max_columns": "max_columns = 50_000",
        "max_bytes": "max_bytes = 4_294_967_296",
    },
    "timeseries": {
        **READING,
        "date": 'date = "dteday"',
        "hour": 'hour = "hr"',
        "onehot": "onehot = { weathersit = 4 }",
        "scale": 'scale = { temp = "standard", weathersit = [1, 4] }',
        "zero": 'zero = ["cnt"]',
        "units": 'units = { cnt = "rentals per hour" }',
        "gaps": 'gaps = "join"',
        "max_columns": "max_columns = 50_000",
        "max_bytes": "max_bytes = 4_294_967_296",
    },
    "text": {
        "encoding": 'encoding = "utf-8-sig"',
        "line": "line = 200",
        "punctuation": "punctuation = '.,;:\"!?'",
        "normalize": 'normalize = "NFC"',
        "max_bytes": "max_bytes = 4_294_967_296",
    },
    "audio": {
        "pattern": 'pattern = "**/*.wav"',
        "seconds": "seconds = 1.5",
        "window": "window = 2048",
        "hop": "hop = 512",
        "mels": "mels = 128",
        "low": "low = 50",
        "high": "high = 8000",
        "max_bytes": "max_bytes = 4_294_967_296",
    },
    "threshold": {
        "target": 'target = "price"',
        "column": 'column = "area"',
        "actual_above": "actual_above = 300_000",
        "bad_max": "bad_max = 200_000",
        "good_min": "good_min = 400_000",
        "threshold": 'threshold = "mid"',
        "direction": 'direction = "below"',
        "decimals": "decimals = 2",
    },
    "fits": {
        "w": "w = 1.0",
        "b": "b = 0.0",
        "delta": "delta = 0.1",
        "input_scale": "input_scale = 0.1",
        "train_index": "train_index = [2, 3, 4, 5]",
        "validation_index": "validation_index = [0, 1]",
        "split_seed": "split_seed = 1",
        "validation_fraction": "validation_fraction = 0.25\nsplit_seed = 1",
        "fits": 'fits = [{ name = "sgd", optimizer = "SGD", learning_rate = 0.01, epochs = 500 }]',
        "fits[].name": 'fits = [{ name = "by_hand", learning_rate = 0.01, epochs = 500 }]',
        "fits[].gradient": 'fits = [{ name = "a", gradient = "hand-written", learning_rate = 0.01, '
        "epochs = 9 }]",
        "fits[].optimizer": 'fits = [{ name = "a", optimizer = "Adam", learning_rate = 0.1, '
        "epochs = 9 }]",
        "fits[].scaled": 'fits = [{ name = "a", scaled = true, learning_rate = 0.01, epochs = 9 }]',
        "fits[].learning_rate": 'fits = [{ name = "a", learning_rate = 1e-4, epochs = 9 }]',
        "fits[].epochs": 'fits = [{ name = "a", learning_rate = 0.01, epochs = 5000 }]',
        "fits[].validated": 'fits = [{ name = "a", validated = true, learning_rate = 0.01, '
        "epochs = 9 }]",
        "known": "known = { Fahrenheit = [0.5556, -17.78] }",
    },
}
