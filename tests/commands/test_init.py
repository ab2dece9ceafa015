"""Init: that the config it writes is valid, fits the data, and says what it decided."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.commands.init import init
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.data.dataset import Dataset, prepare_dataset
from dlcli.errors import DataError, UsageError
from dlcli.runs import load_json
from dlcli.spec.data import RobustScale
from dlcli.spec.run import RunSpec, load_spec, resolve_objectives, targets_as_classes

DATASETS = Path(__file__).parents[2] / "datasets"
BUNDLED = {
    "airpassengers.csv": "passengers",
    "brazing.csv": "stress_max_mpa",
    "breast_cancer.csv": "diagnosis",
    "concrete.csv": "compressive_strength",
    "diabetes.csv": "progression",
    "digits.csv": "digit",
    "iris.csv": "species",
    "pima.csv": "outcome",
    "wine.csv": "cultivar",
}
PUBLIC = {
    "Advertising.csv": "sales",
    "Bias_correction_ucl.csv": "Next_Tmax",
    "Concrete_Data.xls": "Concrete compressive strength(MPa, megapascals)",
    "Folds5x2_pp.xlsx": "PE",
    "bank-full.csv": "y",
    "cereal.csv": "rating",
    "iris.csv": "species",
    "pima-indians-diabetes.csv": "9",
    "reuters_corn_test.csv": "corn",
    "reuters_corn_train.csv": "corn",
    "winequality-red.csv": "quality",
    "winequality-white.csv": "quality",
}


def prepare(config: Path) -> tuple[RunSpec, Dataset]:
    """Load a config and its data, and check that network and targets fit."""
    spec = load_spec(config)
    dataset = prepare_dataset(
        spec.data, folder=Path(), seed=spec.seed, class_targets=targets_as_classes(spec)
    )
    infos = dataset.preprocessing.targets
    assert resolve_objectives(spec, {info.name: info.classes for info in infos})
    return spec, dataset


def write_csv(folder: Path, columns: dict[str, object], name: str = "table.csv") -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    file = folder / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def init_in(
    folder: Path, file: Path, *targets: str, preset: Any = None
) -> tuple[RunSpec, Dataset, str]:
    config = init(file, targets, folder / f"{file.stem}.config.yaml", preset=preset)
    text = config.read_text(encoding="utf-8")
    assert all(len(line) <= 100 or "source:" in line for line in text.split("\n"))
    return *prepare(config), text


def numbers(count: int = 60, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).normal(size=count).round(3).tolist()


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_files_give_a_config_that_fits(name: str, tmp_path: Path) -> None:
    spec, dataset, text = init_in(tmp_path, DATASETS / name, BUNDLED[name])
    assert dataset.warnings == () or "rows: its score" in dataset.warnings[0]
    assert spec.name == Path(name).stem
    assert "#" in text


@pytest.mark.parametrize("name", PUBLIC)
def test_public_files_give_a_config_that_fits(
    name: str, shared_datasets: Path, tmp_path: Path
) -> None:
    init_in(tmp_path, shared_datasets / name, PUBLIC[name])


def test_every_setting_has_its_reason_beside_it(shared_datasets: Path, tmp_path: Path) -> None:
    _, dataset, text = init_in(tmp_path, shared_datasets / "cereal.csv", "rating")
    lines = [" ".join(line.split()) for line in text.split("\n")]
    assert "- name # looks like an identifier: hardly any value repeats" in lines
    at = lines.index("sugars: {missing_values: [-1], missing: median}")
    assert lines[at - 1] == "# one cell holds -1; the median is put there"
    assert dataset.counts["columns"]["sugars"]


def test_missing_cells_in_many_columns_share_one_policy(
    shared_datasets: Path, tmp_path: Path
) -> None:
    file = shared_datasets / "Bias_correction_ucl.csv"
    config = init(file, ("Next_Tmax", "Next_Tmin"), tmp_path / "bias.yaml")
    spec, dataset = prepare(config)
    assert (spec.data.missing, spec.data.missing_values) == ("median", ("NaN",))
    assert set(spec.data.columns) == {"Next_Tmax", "Next_Tmin", "station", "Date"}
    sizes = dataset.split_record["sizes"]
    assert sum(sizes.values()) == 7752 - 2 - 27


def test_several_numbers_share_an_output_and_classes_have_their_own(tmp_path: Path) -> None:
    file = DATASETS / "iris.csv"
    spec, _, _ = init_in(tmp_path, file, "species", "petal_width_cm")
    assert isinstance(spec.loss, dict)
    assert set(spec.loss) == {"species", "petal_width_cm"}
    config = init(file, ("petal_length_cm", "petal_width_cm"), tmp_path / "numbers.yaml")
    assert load_spec(config).layers[-1].argument("units") == 2


def test_two_numbers_are_classes_and_more_are_a_quantity(tmp_path: Path) -> None:
    values = {"a": numbers(), "flag": [0, 1] * 30, "grade": [1, 2, 3, 4, 5, 6] * 10}
    file = write_csv(tmp_path, values)
    _, dataset, _ = init_in(tmp_path, file, "flag")
    assert dataset.preprocessing.targets[0].classes == ("0", "1")
    config = init(file, ("grade",), tmp_path / "grade.yaml")
    spec, dataset = prepare(config)
    assert dataset.preprocessing.targets[0].classes is None
    assert "only 6 different whole numbers" in config.read_text(encoding="utf-8")
    file = write_csv(tmp_path, {"a": numbers(), "class": [0, 1, 2] * 20}, "coded.csv")
    spec, _ = prepare(init(file, ("class",), tmp_path / "coded.yaml"))
    assert spec.layers[-1].argument("units") == 3


def test_rare_classes_are_listed_so_that_none_is_lost(tmp_path: Path) -> None:
    kinds = ["a"] * 40 + ["b"] * 18 + ["a: #1", "é"]
    spec, dataset, text = init_in(tmp_path, write_csv(tmp_path, {"x": numbers(), "k": kinds}), "k")
    assert spec.data.columns["k"].categories == ("a", "a: #1", "b", "é")
    assert spec.data.split.stratify is False
    assert dataset.preprocessing.targets[0].classes == ("a", "a: #1", "b", "é")
    assert "has 1 row: listed lest it be lost" in text


def test_rows_without_a_target_are_left_out(tmp_path: Path) -> None:
    values = [*numbers(50), *["NA"] * 6, *[""] * 4]
    file = write_csv(tmp_path, {"x": numbers(), "y": values})
    spec, dataset, text = init_in(tmp_path, file, "y")
    assert spec.data.columns["y"].missing == "drop"
    assert "10 rows have no target" in text
    assert sum(dataset.split_record["sizes"].values()) == 50


def test_unreadable_cells_become_missing_ones(tmp_path: Path) -> None:
    size = [*map(str, numbers(57)), "about 7", "12 kg", "?"]
    spec, _, text = init_in(tmp_path, write_csv(tmp_path, {"size": size, "y": numbers()}), "y")
    own = spec.data.columns["size"]
    assert (own.unreadable, own.missing, own.missing_values) == ("missing", "median", ("?",))
    assert "2 cells are no number ('about 7' in table.csv, row 59)" in text


def test_missing_categories_are_a_category(tmp_path: Path) -> None:
    colours = [*["red", "blue", "green"] * 15, *[""] * 15]
    flags = [*["yes", "no"] * 25, *[""] * 10]
    file = write_csv(tmp_path, {"colour": colours, "flag": flags, "y": numbers()})
    _, dataset, _ = init_in(tmp_path, file, "y", preset="small")
    names = dataset.preprocessing.feature_names
    assert "colour=missing" in names
    assert "flag=missing" in names


def test_columns_that_tell_nothing_are_left_out(tmp_path: Path) -> None:
    file = write_csv(
        tmp_path,
        {
            "nr": range(1, 61),
            "same": ["x"] * 60,
            "none": [""] * 60,
            "serial": [f"S{i:04}" for i in range(60)],
            "remark": [f"the part number {i} was made on a sunny day" for i in range(60)],
            "x": numbers(),
            "y": numbers(seed=1),
        },
    )
    spec, _, text = init_in(tmp_path, file, "y")
    assert spec.data.drop == ("nr", "same", "none", "serial", "remark")
    for reason in (
        "only numbers the rows",
        "is the same in every row",
        "has no value",
        "free text",
    ):
        assert reason in text


def test_codes_become_categories(tmp_path: Path) -> None:
    store = [1, 5, 9, 12] * 15
    file = write_csv(tmp_path, {"store_id": store, "x": numbers(), "y": numbers(seed=1)})
    _, dataset, text = init_in(tmp_path, file, "y", preset="small")
    assert "4 whole numbers that look like names, a feature for each" in text
    assert "store_id=12" in dataset.preprocessing.feature_names


def test_a_series_is_judged_by_its_latest_rows(tmp_path: Path) -> None:
    spec, dataset, _ = init_in(tmp_path, DATASETS / "airpassengers.csv", "passengers")
    assert spec.optimizer.name == "AdamW"
    (tmp_path / "strong").mkdir()
    strong, _, _ = init_in(
        tmp_path / "strong", DATASETS / "airpassengers.csv", "passengers", preset="strong"
    )
    assert not strong.data.target_clip  # a trend goes on beyond what the training rows hold
    assert spec.data.split.time == "month"
    assert dataset.test is not None
    assert dataset.test.rows.tolist() == list(range(115, 144))


def test_a_series_with_other_columns_gets_the_default_network(tmp_path: Path) -> None:
    days = np.arange("2024-01-01", "2024-12-01", dtype="datetime64[D]").tolist()
    columns = {"day": days, "x": numbers(len(days)), "y": numbers(len(days), seed=1)}
    spec, _, _ = init_in(tmp_path, write_csv(tmp_path, columns), "y")
    assert spec.optimizer.name == "GroupedAdamW"
    assert spec.data.split.time == "day"


def test_a_few_outliers_do_not_rule_a_clean_number(tmp_path: Path) -> None:
    x, noise = np.asarray(numbers(400)), np.asarray(numbers(400, seed=1))
    off = np.where(np.arange(400) == 7, 9.0, 0)
    losses = {}
    for name, y in {"clean": x + 0.1 * noise + off, "noisy": x + 2 * noise}.items():
        file = write_csv(tmp_path, {"x": x, "y": y.round(3)}, f"{name}.csv")
        losses[name] = init_in(tmp_path, file, "y")[0].loss
    assert (losses["clean"].name, losses["noisy"].name) == ("Huber", "MeanSquaredError")


def test_text_is_an_input_where_there_is_no_other(tmp_path: Path) -> None:
    texts = [f"the part number {i} was made on a sunny day" for i in range(60)]
    columns = {"one": texts, "on": texts[::-1], "y": [0, 1] * 30}
    spec, dataset, _ = init_in(tmp_path, write_csv(tmp_path, columns), "y")
    assert set(dataset.train.inputs) == {"one", "on"}
    assert spec.layers[0].component.name == "Embedding"


def test_file_without_header_gets_names(tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    rows = [
        f"{a},{b},{'red' if a > 0 else 'blue'}" for a, b in zip(numbers(), numbers(), strict=True)
    ]
    file.write_text("\n".join(["0.5,0.5,red", *rows]))
    for target in ("3", "column 3"):
        config = init(file, (target,), tmp_path / f"{target}.yaml")
        spec, dataset = prepare(config)
        assert spec.data.header == ("column 1", "column 2", "column 3")
        assert sum(dataset.split_record["sizes"].values()) == 61


def test_decimal_commas_are_read(tmp_path: Path) -> None:
    file = tmp_path / "german.csv"
    pairs = zip(numbers(), numbers(seed=1), strict=True)
    lines = [f"{a};{b}".replace(".", ",") for a, b in pairs]
    file.write_text("\n".join(["länge;größe", *lines]), encoding="cp1252")
    spec, dataset, _ = init_in(tmp_path, file, "größe")
    assert (spec.data.decimal, spec.data.encoding) == (",", "cp1252")
    assert dataset.train.inputs["features"].shape[1] == 1


def shops(path: Path, *, effect: float) -> Path:
    random = np.random.default_rng(8)
    shop = random.permutation(700) % 150
    values = effect * random.normal(size=150)[shop] + random.normal(size=700)
    extra = random.normal(size=700)
    rows = [f"s{a},{b:.3f},{c:.3f}" for a, b, c in zip(shop, extra, values, strict=True)]
    path.write_text("\n".join(["shop,extra,sales", *rows]), encoding="utf-8")
    return path


def test_many_categories_are_embedded_where_the_target_depends_on_them(tmp_path: Path) -> None:
    file = shops(tmp_path / "shops.csv", effect=3.0)
    config = init(file, ("sales",), tmp_path / "shops.yaml")
    spec, dataset = prepare(config)
    assert set(dataset.train.inputs) == {"shop", "features"}
    assert spec.data.unseen == "ignore"
    assert "a learnt vector for each of 150 categories" in config.read_text(encoding="utf-8")
    run = train(
        config, TrainOptions(out=tmp_path / "run", overrides=("epochs=20",)), QuietDisplay()
    ).run
    figures = load_json(run.metrics)["parts"]["test"]["targets"]["sales"]
    assert figures["R2Score"] > 0.6  # the other column tells nothing

    small = init(file, ("sales",), tmp_path / "small.yaml", preset="small")
    assert "150 categories in 700 rows are too many to learn" in small.read_text(encoding="utf-8")


def test_many_categories_that_tell_nothing_are_left_out(tmp_path: Path) -> None:
    config = init(shops(tmp_path / "shops.csv", effect=0), ("sales",), tmp_path / "shops.yaml")
    assert set(prepare(config)[1].train.inputs) == {"features"}
    written = " ".join(config.read_text(encoding="utf-8").replace("#", "").split())
    assert "150 categories of few rows each, between which the target hardly differs" in written


def test_chinese_text_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    file = tmp_path / "houses.csv"
    lines = [f"{city}市,{number}" for number in range(30) for city in ("北京", "上海", "呼和浩特")]
    file.write_text("\n".join(["城市,价格", *lines]), encoding="gbk")
    spec, dataset, _ = init_in(tmp_path, file, "价格")
    assert spec.data.encoding == "gb18030"
    assert dataset.preprocessing.targets[0].name == "价格"


def test_the_sheet_that_has_the_target_is_read(tmp_path: Path) -> None:
    file = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(file) as book:
        for name, columns in (("notes", ["what"]), ("data #1", ["x", "y"])):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, columns)
            for row in range(1, 40):
                sheet.write_row(row, 0, [row % 7 + 0.5 * column for column in range(len(columns))])
    spec, _, _ = init_in(tmp_path, file, "y")
    assert spec.data.sheet == "data #1"


def test_public_sets_are_read_as_they_are_meant(
    shared_datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCLI_DATASETS", str(shared_datasets))
    spec, _, _ = init_in(tmp_path, Path("dataset:pima-original"), "outcome")
    assert spec.data.source == "dataset:pima-original"
    assert spec.data.header is not None


def test_source_is_relative_to_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "configs").mkdir()
    write_csv(tmp_path / "data", {"x": numbers(), "y": numbers(seed=1)}, "my [1] table.csv")
    monkeypatch.chdir(tmp_path)
    file = Path("data/my [1] table.csv")
    config = init(file, ("y",), Path("configs/a.yaml"))
    assert 'source: "../data/my [1] table.csv"' in config.read_text(encoding="utf-8")
    prepare(config)
    config = init(file, ("y",), None)
    assert config == Path("my _1_ table.yaml")
    prepare(config)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    config = tmp_path / "iris.yaml"
    config.write_text("mine")
    with pytest.raises(UsageError, match="exists already") as caught:
        init(DATASETS / "iris.csv", ("species",), config)
    assert "--force" in str(caught.value.hint)
    assert config.read_text() == "mine"
    init(DATASETS / "iris.csv", ("species",), config, force=True)
    assert "species" in config.read_text()


@pytest.mark.parametrize(
    ("out", "message"),
    [("config.txt", "--out "), ("none/config.yaml", "there is no folder")],
)
def test_out_must_be_a_config_in_a_folder(out: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        init(DATASETS / "iris.csv", ("species",), tmp_path / out)


def test_row_numbers_can_be_insisted_on(tmp_path: Path) -> None:
    rows = "".join(f"{i * i % 7},{i}\n" for i in range(1, 40))
    (tmp_path / "a.csv").write_text(f"size,rank\n{rows}")
    text = init(tmp_path / "a.csv", ("rank",), tmp_path / "a.yaml").read_text()
    assert "target: rank" in text
    assert "rank has the numbers of the rows, in order" in " ".join(text.replace("#", "").split())


def test_quoted_decimal_commas_between_commas_are_numbers(tmp_path: Path) -> None:
    rows = "".join(f'"{i},5","{2 * i},25"\n' for i in range(12))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}")
    text = init(tmp_path / "a.csv", ("y",), tmp_path / "a.yaml").read_text()
    assert 'decimal: ","' in text
    assert "a number from 0.25 to 22.25" in text


@pytest.mark.parametrize(("whole", "key"), [(1, "thousands"), (0, "decimal")])
def test_three_digits_behind_a_quoted_comma_are_thousands_unless_they_are_a_fraction(
    tmp_path: Path, whole: int, key: str
) -> None:
    rows = "".join(f'"{whole},{125 + i * i % 31}",{i * i % 7}\n' for i in range(40))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}")
    text = init(tmp_path / "a.csv", ("y",), tmp_path / "a.yaml").read_text()
    found = [each for each in ("thousands", "decimal") if f'  {each}: ","' in text]
    assert found == [key]


@pytest.mark.parametrize(
    ("size", "settings"),
    [
        ("{},234,500", {"thousands"}),
        ("{}.234,50", {"decimal", "thousands"}),
        ("{}234,50", {"decimal"}),
        ("{}.234", set()),
    ],
)
def test_marks_that_make_numbers_are_found(tmp_path: Path, size: str, settings: set[str]) -> None:
    rows = [f"{size.format(i)};{i * i % 7}" for i in range(1, 20)]
    (tmp_path / "a.csv").write_text("\n".join(["size;rank", *rows]))
    _, _, text = init_in(tmp_path, tmp_path / "a.csv", "rank")
    assert {key for key in ("decimal", "thousands") if f"  {key}: " in text} == settings


def test_the_user_may_say_how_the_file_is_read(tmp_path: Path) -> None:
    rows = "".join(f"{i * i}|{2 * i},25\n" for i in range(12))
    (tmp_path / "a.csv").write_text(rows)
    reading = {"header": "size,rank", "separator": "|", "decimal": ","}
    text = init(tmp_path / "a.csv", ("rank",), tmp_path / "a.yaml", reading=reading).read_text()
    for line in ('decimal: ","', 'separator: "|"', "header: [size, rank]", "from 0.25 to 22.25"):
        assert line in text


def test_unknown_target_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column 'specie' \(--target\)") as error:
        init(DATASETS / "iris.csv", ("specie",), tmp_path / "iris.yaml")
    assert error.value.hint == "did you mean 'species'?"
    assert not (tmp_path / "iris.yaml").exists()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": numbers()}, "holds only 'y'"),
        ({"x": ["same"] * 60, "y": numbers()}, "no column is left to predict 'y' from"),
        ({"x": numbers(), "y": [3.5] * 60}, "is 3.5 in every row"),
        ({"x": numbers(), "y": ["no"] * 60}, "has one class"),
        ({"x": numbers(), "y": [f"n{i}" for i in range(60)]}, "looks like an identifier"),
        ({"x": numbers(), "y": [""] * 60}, "has no value"),
        ({"x": numbers(8), "y": numbers(8)}, "has 8 rows"),
        (
            {"x": numbers(), "y": [f"2024-{1 + i % 12:02}-03" for i in range(60)]},
            "is a date column",
        ),
    ],
)
def test_what_cannot_be_learnt_is_refused(
    columns: dict[str, object], message: str, tmp_path: Path
) -> None:
    file = write_csv(tmp_path, columns)
    with pytest.raises(DataError, match=message):
        init(file, ("y",), tmp_path / "config.yaml")
    assert not (tmp_path / "config.yaml").exists()


ODD_NAMES = (
    *("on", "y", "null", "~", "true", "1", "1e3", ".nan", "0x1F", "- a", "{a}", "[a]", "a, b"),
    *(
        "a: b",
        "# x",
        "x #",
        " x ",
        "'",
        '"',
        "\\",
        "\t",
        "\n",
        "\x85",
        "?",
        "|",
        ">",
        "=",
        "%",
        "@",
    ),
    *("`", "*a", "&a", "!a", "é", "日本", "features", "trunk", "words_1", "name", "x" * 1100),
)
NAMES = st.one_of(
    # No text file holds a NUL.
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
    ),
    st.sampled_from(ODD_NAMES),
).filter(lambda name: name != "<<")  # Even in quotes, no config may hold this key.


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(NAMES, min_size=5, max_size=5, unique=True),
    words=st.lists(NAMES.filter(str.strip), min_size=2, max_size=2, unique_by=str.strip),
)
def test_any_column_names_survive(names: list[str], words: list[str], tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    columns = {
        names[0]: pa.array(random.normal(size=120)),
        names[1]: pa.array(random.choice(words, size=120).tolist()),
        names[2]: pa.array(["constant"] * 120),
        names[3]: pa.array([None, *random.normal(size=119).tolist()]),
        names[4]: pa.array(random.normal(size=120)),
    }
    file = tmp_path / "any.parquet"
    pq.write_table(pa.table(columns), file)
    config = tmp_path / "any.yaml"
    config.unlink(missing_ok=True)
    init(file, (names[4],), config)
    spec = load_spec(config)
    assert spec.data.target == names[4]
    assert names[2] in spec.data.drop
    prepare(config)


def test_filled_columns_have_indicators_beside_them(tmp_path: Path) -> None:
    gaps = [*numbers(50), *[""] * 10]
    file = write_csv(tmp_path, {"x": numbers(), "gaps": gaps, "y": numbers(seed=1)})
    spec, dataset, _ = init_in(tmp_path, file, "y")
    assert spec.data.missing_indicator
    assert dataset.preprocessing.feature_names == ("x", "gaps", "gaps=missing")


@pytest.mark.parametrize("preset", ["small", "strong", "fast"])
@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("concrete.csv", ("compressive_strength",)),
        ("pima.csv", ("outcome",)),
        ("iris.csv", ("species",)),
        ("iris.csv", ("species", "petal_width_cm")),
        ("iris.csv", ("petal_length_cm", "petal_width_cm")),
    ],
)
def test_every_preset_fits_every_kind_of_target(
    preset: Any, name: str, targets: tuple[str, ...], tmp_path: Path
) -> None:
    config = init(DATASETS / name, targets, tmp_path / "config.yaml", preset=preset)
    text = config.read_text(encoding="utf-8")
    assert all(len(line) <= 100 for line in text.split("\n"))
    spec, _ = prepare(config)
    is_strong = preset != "small"
    assert (spec.optimizer.name == "GroupedAdamW") == is_strong
    # Numbers that tables tell clearly may be followed row by row; classes never are.
    scale = RobustScale(robust=3) if {"outcome", "species"} & set(targets) else "quantile"
    assert spec.data.scale == (scale if is_strong else "standard")
    assert bool(spec.refit) == (preset == "strong")
    has_classes = targets[0] in ("outcome", "species")
    assert (spec.calibrate == "temperature") == has_classes


@pytest.mark.parametrize("preset", ["small", "strong", "fast"])
@pytest.mark.parametrize("targets", [("y",), ("two",), ("many",), ("y", "two", "many"), ("rare",)])
def test_every_line_is_explained(preset: Any, targets: tuple[str, ...], tmp_path: Path) -> None:
    columns = {
        "x": [*numbers(110), *[""] * 10],
        "town": ["u", "v", "w", ""] * 30,
        "y": numbers(120, seed=1),
        "two": ["a", "b"] * 60,
        "many": ["a", "b", "c"] * 40,
        "rare": [*["p", "q"] * 58, "r", "r", "", ""],
    }
    _, _, text = init_in(tmp_path, write_csv(tmp_path, columns), *targets, preset=preset)
    lines = text.split("\n")
    for before, line in zip(["", *lines], lines, strict=False):
        assert "#" in line or before.strip().startswith("#") or not line.strip(), line


def test_categories_have_vectors_and_two_of_them_a_feature(tmp_path: Path) -> None:
    columns = {
        "x": numbers(120),
        "numbers": ["a", "b", "c", "d"] * 30,
        "town": ["u", "v", "w"] * 40,
        "yes_or_no": ["y", "n"] * 60,
        "y": numbers(120, seed=1),
    }
    spec, dataset, text = init_in(tmp_path, write_csv(tmp_path, columns), "y", preset="strong")
    assert "a learnt vector for each of 3 categories" in text
    (found,) = [each for each in spec.layers if each.component.name == "CategoryEmbedding"]
    assert found.inputs == ("numbers", "town")
    (joined,) = [each for each in spec.layers if each.component.name == "Concatenate"]
    # A column has the name that the branch of the numbers would have.
    assert joined.inputs == ("numbers_", "categories")
    assert dataset.preprocessing.feature_names == ("x", "yes_or_no")


def test_a_column_named_like_the_input_of_numbers_hides_none(tmp_path: Path) -> None:
    towns = ["u", "v", "w"] * 40
    columns = {"features": towns, "town": towns, "x": numbers(120), "y": numbers(120, seed=1)}
    _, dataset, _ = init_in(tmp_path, write_csv(tmp_path, columns), "y", preset="strong")
    assert set(dataset.preprocessing.input_specs) == {"features", "town"}
    assert dataset.preprocessing.feature_names[-1] == "x"


def test_lines_stay_short_where_columns_have_long_names(tmp_path: Path) -> None:
    towns = [*(["unknown"] * 20), *(["u", "v", "w", "z"] * 25)]
    columns = {f"the town of the {each} branch": towns for each in ("first", "second", "third")}
    columns |= {"x": numbers(120), "y": numbers(120, seed=1)}
    _, dataset, text = init_in(tmp_path, write_csv(tmp_path, columns), "y", preset="strong")
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert set(dataset.preprocessing.input_specs) == {"features", *list(columns)[:3]}


def test_presets_are_for_tables(tmp_path: Path) -> None:
    texts = [f"the part number {i} was made on a sunny day" for i in range(60)]
    file = write_csv(tmp_path, {"one": texts, "y": [0, 1] * 30})
    with pytest.raises(UsageError, match="--preset strong: presets are for tables") as caught:
        init(file, ("y",), tmp_path / "a.yaml", preset="strong")
    assert caught.value.hint == "leave it out; texts have one network"


def test_a_table_of_categories_alone_embeds_no_numbers(tmp_path: Path) -> None:
    columns = {"a": ["x", "z"] * 60, "b": ["u", "v", "w"] * 40, "y": numbers(120)}
    spec, _, _ = init_in(tmp_path, write_csv(tmp_path, columns), "y", preset="strong")
    names = {layer.component.name for layer in spec.layers}
    assert {"CategoryEmbedding", "FeatureScale"} <= names
    assert "PeriodicEmbedding" not in names
    columns["a"] = ["x", "z", "y"] * 40
    spec, _, _ = init_in(tmp_path, write_csv(tmp_path, columns, "b.csv"), "y", preset="strong")
    assert spec.layers[0].inputs == ("a", "b")
    assert "FeatureScale" not in {layer.component.name for layer in spec.layers}
