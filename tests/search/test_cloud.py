import numpy as np
import pytest

from dlcli.bundle.own_rows import OwnRows
from dlcli.data.readers import read_table
from dlcli.search.cloud import Cloud, row_values


@pytest.fixture
def cells(preprocessing, tmp_path):
    text = (
        "water / cement,age,colour,wet,day\n"
        "0.4,1,red,yes,2024-01-01\n0.6,28,red,yes,2024-01-01\n"
        "0.6,28,red,yes,2024-07-01\n0.6,28,red,no,2024-01-01\n"
    )
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    table = read_table([tmp_path / "rows.csv"], preprocessing.read_options)
    return preprocessing.read(table, with_targets=False)


def test_distances_count_ranges_and_other_categories(preprocessing, cells):
    cloud = Cloud.of(preprocessing, OwnRows(cells=cells, rows=np.array([0])))
    values = row_values(preprocessing, OwnRows(cells=cells, rows=np.arange(4)))
    assert cloud.distances(values) == pytest.approx([0, 2**0.5, 2**0.5, 3**0.5])
    other_colour = {name: column[:1] for name, column in values.items()} | {
        "colour": np.array([0.0])
    }
    assert cloud.distances(other_colour) == pytest.approx([1.0])


def test_spacing_is_of_distinct_rows(preprocessing, cells):
    # The second and third row differ in the date alone, which does not count.
    cloud = Cloud.of(preprocessing, OwnRows(cells=cells, rows=np.arange(3)))
    assert cloud.spacing is not None
    assert cloud.spacing.num_rows == 2
    assert cloud.spacing.median == pytest.approx(2**0.5)
    assert Cloud.of(preprocessing, OwnRows(cells=cells, rows=np.array([0]))).spacing is None
