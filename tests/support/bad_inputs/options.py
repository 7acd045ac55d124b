"""Catalogs with options of tables and images that are wrong by themselves, or beside others."""

from __future__ import annotations

from tests.support.bad_inputs.catalogs import CatalogMistake

_TABLE = '[wine]\nkind = "table"\npath = "wine.csv"\n'
_CATS = '[cats]\nkind = "images"\npath = "cats"\n'


def _table(name: str, more: str, *says: str) -> CatalogMistake:
    return CatalogMistake(name, _TABLE + more, ("[wine]", *says))


def _cats(name: str, more: str, *says: str) -> CatalogMistake:
    return CatalogMistake(name, _CATS + more, ("[cats]", *says))


OPTION_MISTAKES = (
    _table("delimiter none", 'delimiter = ""', "delimiter", "one ASCII character", "got ''"),
    _table("delimiter a quote", "delimiter = '\"'", "delimiter", "no quote"),
    _table("delimiter a line end", 'delimiter = "\\n"', "delimiter", "line end"),
    _table("quote a letter", 'quote = "a"', "quote", "one ASCII sign", "got 'a'"),
    _table("quote of two", "quote = '\"\"'", "quote", "one ASCII sign"),
    _table("quote as delimiter", "quote = ';'\ndelimiter = ';'", "'quote'", "'delimiter'", "';'"),
    _table("quote as thousands", 'quote = "\'"\nthousands = "\'"', "'quote'", "'thousands'"),
    _table("decimal unknown", 'decimal = ";"', "decimal", "'.' or ','", "got ';'"),
    _table("thousands unknown", 'thousands = "x"', "thousands", "got 'x'"),
    _table("thousands as decimal", 'thousands = "."', "'thousands'", "'decimal'", "got '.'"),
    _table("thousands as blanks", 'thousands = " "\ndelimiter = "whitespace"', "'thousands'"),
    _table("comment long", 'comment = "//"', "comment", "one ASCII sign", "got '//'"),
    _table("comment a letter", 'comment = "c"', "comment", "one ASCII sign", "got 'c'"),
    _table("comment as quote", "comment = '\"'", "'comment'", "'quote'"),
    _table("skip less than none", "skip_rows = -1", "skip_rows", "0", "got -1"),
    _table("skip a fraction", "skip_rows = 1.5", "skip_rows", "whole number", "got 1.5"),
    _table("na a text", 'na_values = "NA"', "na_values", "list", "got 'NA'"),
    _table("na a number", "na_values = [-999]", "na_values", "text", "got -999"),
    _table("header a text", 'header = "no"', "header", "true or false", "got 'no'"),
    _table("sheet a number", "sheet = 1", "sheet", "a text", "got 1"),
    _table("sql alone", 'sql = "select 1"', "'sql' and 'database' together"),
    _table("database alone", 'database = "DB"', "'sql' and 'database' together"),
    _table("sql and path", 'sql = "select 1"\ndatabase = "DB"', "either 'path' or 'sql'"),
    _table("order of one twice", 'order = { a = ["S", "S"] }', "each once", "'a'"),
    _table("order of none", "order = { a = [] }", "'order' of 'a'"),
    _table("order of a blank", 'order = { a = ["S", " "] }', "'order' of 'a'"),
    _table("order of numbers", "order = { a = [1, 2] }", "order.a", "text"),
    _table(
        "order of what is missing",
        'order = { a = ["S", "NA"] }\nna_values = ["NA"]',
        *("'NA'", "'order' of 'a'", "'na_values'"),
    ),
    _table(
        "order of a category",
        'order = { a = ["S", "M"] }\nmeasures = { a = "categorical" }',
        *("'a' in 'order' to be ordinal", "'categorical'"),
    ),
    _table("dates of weeks", 'dates = { a = "weeks" }', "dates.a", "'days'", "got 'weeks'"),
    _table("dates of a part", 'dates = { a = ["weeks"] }', "dates.a", "'year'", "got 'weeks'"),
    _table("dates of parts twice", 'dates = { a = ["year", "year"] }', "each once", "'a'"),
    _table("dates of no parts", "dates = { a = [] }", "'dates' of 'a'"),
    _table(
        "dates of flags",
        'dates = { a = "days" }\nmeasures = { a = "boolean" }',
        *("'a' in 'dates' to be date", "'boolean'"),
    ),
    _table("format without year", 'date_format = "%d.%m."', "date_format", "got '%d.%m.'"),
    _table("format of no date", 'date_format = "DD.MM.YYYY"', "date_format", "'DD.MM.YYYY'"),
    _table("missing unknown", 'missing = { a = "average" }', "missing.a", "mean", "'average'"),
    _table("missing nan", "missing = { a = nan }", "missing.a", "got nan"),
    _table(
        "mean of categories",
        'missing = { a = "mean" }\nmeasures = { a = "categorical" }',
        *("missing.a", '"mode"', '"category"', "'mean'"),
    ),
    _table("category of numbers", 'missing = { a = "category" }', "missing.a", "'category'"),
    _table(
        "missing target filled",
        'target = "a"\nmissing = { a = "mean" }',
        *("missing.a", '"drop"', "target", "'mean'"),
    ),
    _table(
        "missing out of order",
        'order = { a = ["S", "M"] }\nmissing = { a = "XL" }',
        *("missing.a", "S, M", "'XL'"),
    ),
    _table(
        "missing no flag",
        'measures = { a = "boolean" }\nmissing = { a = "maybe" }',
        *("missing.a", "'maybe'"),
    ),
    _table(
        "missing no date",
        'dates = { a = "days" }\nmissing = { a = "soon" }',
        *("missing.a", "'soon'"),
    ),
    _table("missing left out", 'missing = { a = "mean" }\nexclude = ["a"]', "'missing'", "'a'"),
    _table("indicator alone", 'indicator = ["a"]', "'missing'", "'indicator'", "'a'"),
    _table(
        "indicator of drop",
        'indicator = ["a"]\nmissing = { a = "drop" }',
        *("filled in 'indicator'", "'a'"),
    ),
    _table(
        "codes of numbers",
        'codes = ["a"]\nmeasures = { a = "ordinal" }',
        *("'a' in 'codes' to be categorical", "'ordinal'"),
    ),
    _table(
        "codes twice",
        'codes = ["a", "a"]\nmeasures = { a = "categorical" }',
        *("each column once in 'codes'",),
    ),
    _table("rare of nothing", "min_count = 5", "a categorical column", "'min_count'"),
    _table(
        "rare of none",
        'min_count = 0\nmeasures = { a = "categorical" }',
        *("min_count", "1", "got 0"),
    ),
    _table("targets twice", 'target = ["a", "a"]', "each 'target' once", "a, a"),
    _table("targets and classes", 'target = ["a", "b"]\nclasses = 3', "one target", "'classes'"),
    _table(
        "classes and names",
        'target = "a"\nclasses = 3\nmeasures = { a = "categorical" }',
        *("no 'classes' of 'a'",),
    ),
    _table("target a date", 'target = "a"\ndates = { a = "days" }', "'target'", "got 'a'"),
    _table("target left out", 'target = "a"\nexclude = ["a"]', "'target'", "got 'a'"),
    CatalogMistake(
        "learned from no entry",
        _TABLE + 'learn_from = "train"',
        ("[wine] learn_from", "expected", "'train'"),
    ),
    CatalogMistake(
        "learned from itself", _TABLE + 'learn_from = "wine"', ("[wine] learn_from", "wine")
    ),
    CatalogMistake(
        "learned from images",
        _TABLE + 'learn_from = "cats"\n' + _CATS,
        ("[wine] learn_from", "table", "images"),
    ),
    CatalogMistake(
        "learned and scaled",
        _TABLE + 'learn_from = "b"\nstandardize = false\n[b]\nkind = "table"\npath = "b.csv"\n',
        ("[wine] standardize", "what [b] says", "got false"),
    ),
    _cats("labels of no group", 'labels = "^cat"', "labels", "parentheses", "got '^cat'"),
    _cats("labels of two groups", 'labels = "^(cat)(dog)"', "labels", "parentheses"),
    _cats("labels no expression", 'labels = "^(cat"', "labels", "regular expression", "'^(cat'"),
    _cats("labels true", "labels = true", "labels", "a text", "got true"),
    _cats("column without table", 'label_column = "a"', "'labels' as a table", "'label_column'"),
    _cats("files without table", 'file_column = "a"\nlabels = "folder"', "'file_column'"),
    _cats("separator alone", 'label_separator = "|"', "'labels'", "'label_separator'"),
    _cats("separator of nothing", 'labels = "a.csv"\nlabel_separator = ""', "label_separator"),
    _cats("regression alone", "regression = true", "'labels'", "'regression'"),
    _cats(
        "regression of several",
        'labels = "a.csv"\nregression = true\nlabel_separator = "|"',
        *("'label_separator'", "'regression'", "not both"),
    ),
    _cats(
        "classes twice",
        'labels = "a.csv"\nlabel_column = ["a", "a"]',
        *("each class once", "'label_column'"),
    ),
    _cats("labels a number", "labels = 3", "labels", "a text", "got 3"),
    _cats("masks above", 'masks = "../masks/{stem}.png"', "masks", "below the source"),
    _cats("masks far above", 'masks = "a/../../{stem}.png"', "masks", "below the source"),
    _cats("masks absolute", 'masks = "/masks/{stem}.png"', "masks", "below the source"),
    _cats("masks of a place", 'masks = "masks/{name}.png"', "masks", "{stem}", "{name}"),
    _cats("masks without a place", 'masks = "masks/{folder}/a.png"', "masks", "{stem}"),
    _cats("pairs of nothing", 'pairs = ""', "pairs", "below the source"),
    _cats("color unknown", 'color = "bgr"', "color", "'rgb', 'gray' or 'rgba'", "got 'bgr'"),
    _cats("resize to nothing", "resize = [0, 0]", "resize", "1", "got 0"),
    _cats("resize to less", "resize = [224, -1]", "resize", "1", "got -1"),
    _cats("resize to one side", "resize = 224", "resize", "list", "got 224"),
    _cats("resize to three sides", "resize = [224, 224, 3]", "resize", "2", "3"),
    _cats("resize to a fraction", "resize = [224.5, 224]", "resize", "whole", "got 224.5"),
    _cats("resize beyond", "resize = [100000, 224]", "resize", "32768", "got 100000"),
    _cats("fit unknown", 'resize = [2, 2]\nfit = "cover"', "fit", "'crop'", "'pad'", "'cover'"),
    _cats("fit alone", 'fit = "pad"', "'resize' where there is 'fit'"),
    _cats("frames of masks", 'frames = true\nmasks = "masks/{stem}.png"', "'frames'", "'masks'"),
    _cats("frames a number", "frames = 3", "frames", "true or false", "got 3"),
)
