"""Every figure that the book's notes print, on the real data, to all the digits printed.

What they print stands in tests/figures.json; the counts at the end, in data/README.md.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch

import ptm

ROOT = Path(__file__).parents[2]
CT = "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083"
BIKES = "p1ch4/bike-sharing-dataset"

Figures = dict[str, Any]


@pytest.fixture(scope="module")
def store(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every entry of the book, made once."""
    artifacts = tmp_path_factory.mktemp("figures")
    catalog = ptm.load_catalog(ROOT / "data" / "catalog.toml", data=book)
    for source in catalog.values():
        ptm.tensorize(source, artifacts=artifacts)
    raw = {"name": "bikes-raw", "path": f"{BIKES}/hour.csv"}
    ptm.tensorize(catalog["bikes"].model_copy(update=raw), artifacts=artifacts)
    return artifacts


@pytest.fixture(scope="module")
def load(store: Path) -> Any:
    """load(name): that artifact, verified."""
    return lambda name: ptm.load(name, artifacts=store)


def decimals(*printed: float) -> int:
    """To how many decimals numbers are printed, by the one with the most."""
    return max(max(0, -int(Decimal(str(value)).as_tuple().exponent)) for value in printed)


def prints_as(value: float, printed: float) -> bool:
    """Whether a value, rounded to as many decimals as are printed, is what is printed."""
    return round(value, decimals(printed)) == printed


def test_dog(load: Any, figures: Figures) -> None:
    """The dog is one photo of uint8 [3, 720, 1280]."""
    images = load("dog").tensors["images"]
    assert list(images.shape) == [1, *figures["dog"]["shape"]]
    assert str(images.dtype) == f"torch.{figures['dog']['dtype']}"


def test_cats_shape(load: Any, figures: Figures) -> None:
    """The cats are three photos of 256 x 256 pixels in order of name, float32."""
    cats = load("cats")
    assert list(cats.tensors["images"].shape) == figures["cats"]["shape"]
    assert cats.tensors["images"].dtype == torch.float32
    assert cats.table["file"].tolist() == ["cat1.png", "cat2.png", "cat3.png"]


def test_cats_channels(load: Any, figures: Figures) -> None:
    """Mean and deviation of each channel, divided by 255, are those printed."""
    scaler = load("cats").scaler
    printed = figures["cats"]
    assert scaler.names == ("red", "green", "blue")
    assert all(map(prints_as, scaler.shift, printed["channel_mean"]))
    assert all(map(prints_as, scaler.scale, printed["channel_std_unbiased"]))


def test_cats_standardized(load: Any) -> None:
    """Each channel has mean 0 and unbiased standard deviation 1 over the batch."""
    images = load("cats").tensors["images"].double()
    assert torch.allclose(images.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-6)
    assert torch.allclose(images.std((0, 2, 3)), torch.ones(3).double(), atol=1e-6)


def test_ct_range(load: Any, figures: Figures) -> None:
    """The scan is one channel of 99 slices, float32, from -1024 to 3071 Hounsfield units."""
    ct, printed = load("ct"), figures["ct"]
    volume = ct.tensors["volume"]
    assert list(volume.shape) == printed["shape"] and str(volume.dtype) == "torch.float32"
    assert (volume.min(), volume.max()) == (printed["min"], printed["max"])
    assert ct.manifest["facts"]["unit"].startswith(printed["unit"])


def test_ct_order(load: Any, book: Path) -> None:
    """The slices are in the order of their position, as pydicom alone reads them."""
    ct = load("ct")
    slices = [pydicom.dcmread(path) for path in (book / CT).iterdir()]
    slices.sort(key=lambda dataset: dataset.ImagePositionPatient[2])
    expected = np.stack([s.pixel_array * s.RescaleSlope + s.RescaleIntercept for s in slices])
    assert np.array_equal(ct.tensors["volume"][0].numpy(), expected)
    assert ct.table["position"].tolist() == [s.ImagePositionPatient[2] for s in slices]


@pytest.mark.filterwarnings("ignore:The legacy `DICOM` plugin:DeprecationWarning")
def test_ct_is_the_reverse_of_imageio(load: Any, book: Path) -> None:
    """imageio, as in the notes, reads the same volume from the other end."""
    import imageio.v2 as imageio

    volume = np.asarray(imageio.volread(book / CT, "DICOM"))
    assert np.array_equal(load("ct").tensors["volume"][0].numpy(), volume[::-1])


def test_ct_place(load: Any) -> None:
    """Slices lie 3 mm apart from z = -288 to 6 mm, pixels 0.564453125 mm; the affine says where."""
    facts = load("ct").manifest["facts"]
    assert facts["spacing_mm"] == [3, 0.564453125, 0.564453125]
    lowest, highest = ((np.array(facts["affine"]) @ (place, 0, 0, 1))[:3] for place in (0, 98))
    assert lowest == pytest.approx([-143.2177734375, -287.2177734375, -288])
    assert highest == pytest.approx([-143.2177734375, -287.2177734375, 6])


def test_wine_shape(load: Any, figures: Figures) -> None:
    """The wine table has 4898 rows of 12 columns in the file's order; 11 are features."""
    wine, printed = load("wine"), figures["wine"]
    assert list(wine.table.shape) == printed["shape"]
    assert wine.table.columns.tolist() == printed["columns"]
    assert wine.manifest["facts"]["features"] == printed["columns"][:-1]
    assert wine.tensors["features"].shape == (4898, 11)
    assert wine.tensors["features"].dtype == torch.float32


def test_wine_first_row(load: Any, figures: Figures) -> None:
    """The first wine, standardised, is the one printed, to one unit of the sixth decimal."""
    first = load("wine").tensors["features"][0].tolist()
    assert first == pytest.approx(figures["wine"]["first_row_normalised"], abs=1e-6)


def test_wine_moments(load: Any, figures: Figures) -> None:
    """Mean and variance of each column are those printed, to five significant digits."""
    scaler = load("wine").scaler
    for found, printed in zip(scaler.shift, figures["wine"]["mean_printed"], strict=True):
        assert f"{found:.5g}" == f"{printed:.5g}"
    for found, printed in zip(scaler.scale, figures["wine"]["variance_printed"], strict=True):
        assert f"{found**2:.5g}" == f"{printed:.5g}"


def test_wine_target(load: Any, figures: Figures) -> None:
    """Quality is the target, int64, and one-hot over ten classes."""
    wine, printed = load("wine"), figures["wine"]
    target, onehot = wine.tensors["target"], wine.tensors["target_onehot"]
    assert target.dtype == torch.int64 and onehot.dtype == torch.float32
    assert target.tolist() == wine.table[printed["target"]].tolist()
    assert list(onehot.shape) == printed["onehot_shape"]
    assert torch.equal(onehot.argmax(1), target) and onehot.sum(1).eq(1).all()


def test_wine_groups(load: Any, figures: Figures) -> None:
    """20 wines are bad, 3818 in between, 1060 good; each group's means are those printed."""
    groups, printed = load("wine_threshold").tables["groups"], figures["wine_threshold"]
    for group, count in printed["count"].items():
        assert groups[f"{group}_count"].unique().tolist() == [count]
    assert groups["column"].tolist() == list(printed["group_means_printed"])
    for row, means in zip(
        groups.to_dict("records"), printed["group_means_printed"].values(), strict=True
    ):
        assert [f"{row[g]:.2f}" for g in ("bad", "mid", "good")] == [f"{m:.2f}" for m in means]


def test_wine_threshold(load: Any, figures: Figures) -> None:
    """Sulfur dioxide below 141.83 calls 2727 wines good, 2018 of the 3258 that are."""
    analysis, printed = load("wine_threshold"), figures["wine_threshold"]
    [result] = analysis.tables["result"].to_dict("records")
    for name in ("column", "threshold", "predicted_good", "actual_good", "matches"):
        assert result[name] == printed[name]
    assert result["precision"] == printed["precision"]
    assert result["recall"] == printed["recall"]
    assert analysis.manifest["facts"]["actual_rule"] == printed["actual_rule"]


def test_wine_threshold_tensors(load: Any, figures: Figures) -> None:
    """`predicted` and `actual` are bool, and count to the same figures."""
    tensors, printed = load("wine_threshold").tensors, figures["wine_threshold"]
    predicted, actual = tensors["predicted"], tensors["actual"]
    assert predicted.dtype == actual.dtype == torch.bool
    assert predicted.shape == actual.shape == (4898,)
    assert (int(predicted.sum()), int(actual.sum())) == (2727, printed["actual_good"])
    assert int((predicted & actual).sum()) == printed["matches"]


def test_bikes_views(load: Any, figures: Figures) -> None:
    """The hours, and their views by day and channels first, have the printed shapes and strides."""
    hourly, printed = load("bikes").tensors["hourly"], figures["bikes"]
    days = hourly.view(-1, 24, hourly.shape[1])
    for tensor, name in (
        (hourly, "hourly"),
        (days, "daily_view"),
        (days.transpose(1, 2), "daily_channels_first"),
    ):
        assert list(tensor.shape) == printed[f"{name}_shape"]
        assert list(tensor.stride()) == printed[f"{name}_stride"]
        assert tensor.data_ptr() == hourly.data_ptr()


def test_bikes_first_day(load: Any, figures: Figures) -> None:
    """The weather of the first day is the one printed."""
    bikes = load("bikes")
    channel = bikes.manifest["facts"]["channels"].index("weathersit")
    first = bikes.tensors["hourly"][:24, channel]
    assert first.tolist() == figures["bikes"]["first_day_weather"]


def test_bikes_daily(load: Any, figures: Figures) -> None:
    """`daily` is 730 days of 21 channels: 17, and the weather one-hot with 1.0."""
    bikes = load("bikes")
    daily, channels = bikes.tensors["daily"], bikes.manifest["facts"]["channels"]
    assert list(daily.shape) == figures["bikes"]["with_weather_onehot_shape"]
    assert channels[17:] == [f"weathersit={code}" for code in (1, 2, 3, 4)]
    onehot = daily[:, 17:]
    assert onehot.unique().tolist() == [0, 1] and onehot.sum(1).eq(1).all()
    weather = bikes.tensors["hourly"][:, channels.index("weathersit")].view(-1, 24)
    assert torch.equal(onehot.argmax(1) + 1, weather.long())


def test_bikes_rescaled(load: Any) -> None:
    """Weather becomes (w - 1) / 3; temperature mean 0, deviation 1; the rest is left alone."""
    bikes = load("bikes")
    raw, daily = bikes.tensors["hourly"].view(730, 24, 17).transpose(1, 2), bikes.tensors["daily"]
    weather, temp = map(bikes.manifest["facts"]["channels"].index, ("weathersit", "temp"))
    assert torch.allclose(daily[:, weather], (raw[:, weather] - 1) / 3)
    expected = (raw[:, temp] - raw[:, temp].mean()) / raw[:, temp].std()
    assert torch.allclose(daily[:, temp], expected, atol=1e-5)
    assert daily[:, temp].double().mean().item() == pytest.approx(0, abs=1e-6)
    assert daily[:, temp].double().std().item() == pytest.approx(1, abs=1e-6)
    rest = [place for place in range(17) if place not in (weather, temp)]
    assert torch.equal(daily[:, rest], raw[:, rest])


def test_bikes_from_the_raw_file(load: Any) -> None:
    """hour.csv, with its missing hours, gives the tensors of hour-fixed.csv, bit for bit.

    All but the mask: of the file itself 141 hours are filled, of the other none.
    """
    fixed, raw = load("bikes"), load("bikes-raw")
    for name in ("hourly", "daily"):
        assert torch.equal(raw.tensors[name], fixed.tensors[name])
    assert fixed.tensors["hourly_observed"].all()
    assert int((~raw.tensors["hourly_observed"]).sum()) == 141
    assert raw.scaler == fixed.scaler
    assert raw.table.equals(fixed.table)


def test_bikes_filled_hours(load: Any, book: Path) -> None:
    """The 141 filled hours are listed: those that hour-fixed.csv has and hour.csv has not."""
    hours = {}
    for name in ("hour.csv", "hour-fixed.csv"):
        with (book / BIKES / name).open(newline="") as file:
            rows = csv.DictReader(file)
            hours[name] = [f"{row['dteday']}T{int(row['hr']):02d}" for row in rows]
    observed = set(hours["hour.csv"])
    filled = [hour for hour in hours["hour-fixed.csv"] if hour not in observed]
    facts = load("bikes-raw").manifest["facts"]
    assert len(filled) == 141 and facts["filled_hours"] == filled
    table, known = load("bikes-raw").table, load("bikes-raw").tensors["hourly_observed"].numpy()
    unknown = table[~known]
    assert [f"{d}T{h:02d}" for d, h in zip(unknown["dteday"], unknown["hr"], strict=True)] == filled
    assert facts["skipped_hours"] == [{"from": "2012-10-29T13", "to": "2012-10-30T12"}]
    assert load("bikes").manifest["facts"]["filled_hours"] == []


def test_austen_line(load: Any, figures: Figures) -> None:
    """Line 200 is the one printed, and its characters are one-hot, [70, 128]."""
    austen, printed = load("austen"), figures["austen"]
    chars = austen.tensors["line_chars"]
    assert austen.manifest["facts"]["line"] == printed["line"]
    assert list(chars.shape) == printed["line_chars_shape"] and chars.sum(1).eq(1).all()
    points = [ord(c) if ord(c) < 128 else 0 for c in printed["line"].lower().strip()]
    assert chars.argmax(1).tolist() == points


def test_austen_words(load: Any, figures: Figures) -> None:
    """The vocabulary has 7261 words, and each printed word of the line has its printed index."""
    austen, printed = load("austen"), figures["austen"]
    words = austen.table["word"].tolist()
    assert len(words) == printed["vocabulary_size"] and words == sorted(set(words))
    onehot = austen.tensors["line_words"]
    assert list(onehot.shape) == printed["line_words_shape"] and onehot.sum(1).eq(1).all()
    ids = onehot.argmax(1).tolist()
    assert [[words[i], i] for i in ids] == printed["line_words"]


def test_austen_text(load: Any, figures: Figures, book: Path) -> None:
    """The text has 124592 words, which the ids spell out again."""
    austen = load("austen")
    text = (book / "p1ch4/jane-austen/1342-0.txt").read_text(encoding="utf-8")
    words = austen.table["word"].tolist()
    spelled = [words[i] for i in austen.tensors["word_ids"].tolist()]
    assert len(spelled) == figures["austen"]["total_words"]
    strip = figures["austen"]["punctuation_stripped"]
    assert spelled == [word.strip(strip) for word in text.lower().split()]
    points = austen.tables["characters"]["code_point"].to_numpy()
    assert points[austen.tensors["char_ids"].numpy()].tolist() == [ord(c) for c in text.lower()]


def test_temperature(load: Any, figures: Figures) -> None:
    """The eleven readings and their temperatures in Celsius, as they are."""
    temperature, printed = load("temperature"), figures["temperature"]
    features, target = temperature.tensors["features"], temperature.tensors["target"]
    assert features.shape == (11, 1) and target.shape == (11,)
    assert torch.equal(features[:, 0], torch.tensor(printed["t_u"]))
    assert torch.equal(target, torch.tensor(printed["t_c"]))
    assert temperature.scaler is None
    assert temperature.table.attrs["units"] == {"t_u": "unknown unit", "t_c": "°C"}


@pytest.fixture(scope="module")
def fits(store: Path) -> pd.DataFrame:
    """The table of the fits, by name."""
    return ptm.load("temperature_fits", artifacts=store).tables["fits"].set_index("fit")


@pytest.fixture(scope="module")
def history(fits: pd.DataFrame, load: Any) -> pd.DataFrame:
    """Loss and parameters by fit and epoch."""
    return load("temperature_fits").tables["history"].set_index(["fit", "epoch"]).sort_index()


def printed_fits() -> list[Any]:
    """Each fit in figures.json, as a case for a test."""
    printed = json.loads((ROOT / "tests" / "figures.json").read_text(encoding="utf-8"))
    return [pytest.param(fit, id=fit["name"]) for fit in printed["temperature"]["fits"]]


def test_fit_start(history: pd.DataFrame, load: Any, figures: Figures) -> None:
    """Where the fits start, w = 1 and b = 0, loss and gradients are those printed."""
    initial = load("temperature_fits").manifest["facts"]["initial"]
    printed = figures["temperature"]["initial"]
    assert (initial["w"], initial["b"]) == (printed["w"], printed["b"])
    assert prints_as(initial["loss"], printed["loss"])
    assert round(initial["grad_w"], 4) == printed["grad_w"]
    assert round(initial["grad_b"], 4) == printed["grad_b"]


def test_finite_difference(history: pd.DataFrame, load: Any, figures: Figures) -> None:
    """A step on w by the central difference of the loss, then a step on b from there."""
    printed = figures["temperature"]["finite_difference"]
    delta, rate = printed["delta"], printed["learning_rate"]
    t_u, t_c = (np.array(figures["temperature"][name]) for name in ("t_u", "t_c"))

    def loss(w: float, b: float) -> float:
        return float(((w * t_u + b - t_c) ** 2).mean())

    w = 1 - rate * (loss(1 + delta, 0) - loss(1 - delta, 0)) / (2 * delta)
    b = 0 - rate * (loss(w, delta) - loss(w, -delta)) / (2 * delta)
    found = load("temperature_fits").tensors["finite_difference"].tolist()
    assert found == pytest.approx([w, b], rel=2e-3)  # differences of float32 losses near 5e6
    assert prints_as(history.loc[("finite_difference", 1), "loss"], 1763.884766)


@pytest.mark.parametrize("printed", printed_fits())
def test_fit_is_the_printed_one(fits: pd.DataFrame, printed: Figures) -> None:
    """Each fit has the printed learning rate, epochs, input, optimizer or gradient."""
    fit = fits.loc[printed["name"]]
    assert fit["learning_rate"] == printed["learning_rate"]
    assert fit["epochs_asked"] == printed["epochs"]
    assert fit["input"] == printed["input"]
    for name in {"optimizer", "gradient"} & printed.keys():
        assert fit[name] == printed[name]


@pytest.mark.parametrize("printed", printed_fits())
def test_fit_losses(history: pd.DataFrame, printed: Figures) -> None:
    """Every printed loss, of training and validation, to the digits printed."""
    for column, key in (
        ("loss", "loss"),
        ("loss", "train_loss"),
        ("validation_loss", "validation_loss"),
    ):
        shown = {int(epoch): float(loss) for epoch, loss in printed.get(key, {}).items()}
        digits = decimals(*filter(math.isfinite, shown.values())) if shown else 0
        for epoch, loss in shown.items():
            found = history.loc[(printed["name"], epoch), column].item()
            assert found == loss or round(found, digits) == loss, (key, epoch)


@pytest.mark.parametrize("printed", printed_fits())
def test_fit_parameters(history: pd.DataFrame, load: Any, printed: Figures) -> None:
    """The printed parameters, to the digits printed: at the end, or after the epoch named."""
    for key, epoch in (("params", None), ("params_after_1", 1), ("params_at_100", 100)):
        if key not in printed:
            continue
        found = load("temperature_fits").tensors[printed["name"]].tolist()
        if epoch:
            found = history.loc[(printed["name"], epoch), ["w", "b"]].tolist()
        for value, shown in zip(found, printed[key], strict=True):
            if isinstance(shown, str):  # printed with an exponent
                assert f"{value:.4e}" == shown
            else:
                assert prints_as(value, shown)


def test_history_has_every_epoch(history: pd.DataFrame, fits: pd.DataFrame) -> None:
    """The history has a row for each epoch of each fit, from 1 on; the last is the fit's end."""
    for name, fit in fits.iterrows():
        rows = history.loc[name]
        assert rows.index.tolist() == list(range(1, fit["epochs_run"] + 1))
        assert rows[["w", "b"]].iloc[-1].tolist() == fit[["w", "b"]].tolist()
    assert history["validation_loss"].notna().groupby("fit").any().sum() == 1


def test_diverging_fit(history: pd.DataFrame, fits: pd.DataFrame) -> None:
    """The diverging fit stops at epoch 11, the first loss that is not finite, and says diverged."""
    diverged = fits[fits["status"] != "finished"]
    assert diverged.index.tolist() == ["manual_diverging"]
    assert diverged[["status", "epochs_run"]].values.tolist() == [["diverged", 11]]
    losses = history.loc["manual_diverging", "loss"]
    assert np.isfinite(losses.loc[:10]).all() and np.isinf(losses.loc[11])


def test_split(load: Any, figures: Figures) -> None:
    """The validated fit trains on the nine printed readings and validates on the other two."""
    facts = load("temperature_fits").manifest["facts"]
    [printed] = [f for f in figures["temperature"]["fits"] if f["name"] == "sgd_validated"]
    assert facts["train_index"] == printed["train_index"]
    assert facts["validation_index"] == printed["validation_index"]


def test_wine_counts(load: Any) -> None:
    """937 of the 4898 wines repeat an earlier row exactly; qualities run from 3 to 9."""
    table = load("wine").table
    assert int(table.duplicated().sum()) == 937 and len(table.drop_duplicates()) == 3961
    assert int(table.duplicated(keep=False).sum()) == 1709
    quality = {3: 20, 4: 163, 5: 1457, 6: 2198, 7: 880, 8: 175, 9: 5}
    assert dict(sorted(Counter(table["quality"]).items())) == quality
    features = table.drop(columns="quality").drop_duplicates()
    assert len(features) == 3961
    assert table["residual sugar"].nlargest(2).gt(50).tolist() == [True, False]


def test_bike_counts(load: Any, book: Path) -> None:
    """hour.csv has 17379 of the 17544 hours of 731 days; 165 lack, 141 are filled, 24 left out."""
    with (book / BIKES / "hour.csv").open(newline="") as file:
        observed = list(csv.DictReader(file))
    assert len(observed) == 17379 and len({row["dteday"] for row in observed}) == 731
    assert 731 * 24 - len(observed) == 165 == 141 + 24
    assert all(int(r["casual"]) + int(r["registered"]) == int(r["cnt"]) != 0 for r in observed)
    table = load("bikes").table
    assert len(table) == 17520 == 730 * 24 and table["dteday"].nunique() == 731
    assert int(table["cnt"].eq(0).sum()) == 141 and table["instant"].max() == 17379
    assert table["weathersit"].value_counts().to_dict() == {1: 11471, 2: 4581, 3: 1465, 4: 3}
    mixed = [d for d in range(730) if table["dteday"].iloc[d * 24 : d * 24 + 24].nunique() > 1]
    assert mixed == [667]


def test_austen_counts(load: Any) -> None:
    """704190 characters, 3554 of them not ASCII; 11 empty words; the mark's word comes last."""
    austen = load("austen")
    points, table = austen.tables["characters"]["code_point"].to_numpy(), austen.table
    chars = points[austen.tensors["char_ids"].numpy()]
    assert len(chars) == 704190 and int((chars > 127).sum()) == 3554
    assert int((chars == 10).sum()) == 13427
    assert table["word"].iloc[0] == "" and table["count"].iloc[0] == 11
    assert table["word"].iloc[-1] == "\ufeffthe"
    assert len(austen.manifest["warnings"]) == 1


def test_ct_counts(load: Any) -> None:
    """255985 voxels are at the lowest value, 930 at the highest; the mean is -354.724368."""
    volume = load("ct").tensors["volume"]
    assert int(volume.eq(-1024).sum()) == 255985 and int(volume.eq(3071).sum()) == 930
    assert prints_as(volume.double().mean().item(), -354.724368)


def test_picture_counts(load: Any) -> None:
    """The dog and the cats are RGB, without alpha, and none is rotated."""
    assert load("dog").table["mode"].tolist() == ["RGB"]
    assert load("cats").table["mode"].tolist() == ["RGB"] * 3
    assert load("cats").manifest["facts"]["channels"] == ["red", "green", "blue"]


COUNTED = (
    "4,898 rows, 12 columns", "937 rows repeat", "3,961 are distinct", "1,709 rows",
    "17,379", "17,544 hours", "lacks 165", "141 rows more", "17,520 = 730 × 24", "Row 667",
    "704,190 characters", "13,427 lines", "3,554 characters", "124,592 words, 7,261 of them",
    "99 axial slices", "255,985 voxels", "930 voxels", "−354.724368", "0.564453125 mm",
    "0.579933, 0.449320, 0.355441", "0.221181, 0.206765, 0.193079",
)  # fmt: skip


@pytest.mark.parametrize("count", COUNTED)
def test_readme_says_what_was_counted(count: str) -> None:
    """data/README.md states the counts that the tests above make."""
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert count in " ".join(text.split())
