"""A kind of one's own: each day of an hourly series, with the week before it."""

import ptm


class Options(ptm.Source):
    column: str


def analyze(options, artifacts):
    [series] = artifacts.values()
    channel = series.manifest["facts"]["channels"].index(options.column)
    daily = series.tensors["daily"][:, [channel]]  # [day, 1, 24]
    weeks = daily.unfold(0, 7, 1)[:-1].transpose(2, 3).flatten(2)  # [day, 1, 7 * 24]
    scaling = ptm.Scaling((options.column,))  # measured of train days
    return ptm.Block(
        {"week": weeks, "day": daily[7:]},
        rows={"date": series.table["dteday"].iloc[7 * 24 :: 24].astype(str)},
        scaling={"week": scaling, "day": scaling},
    )
