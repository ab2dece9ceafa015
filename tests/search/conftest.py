"""A preprocessing with one column of every kind."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.data.fitting import fit_preprocessing
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.readers import read_table
from dlcli.spec.data import ColumnSpec, DataSpec

ROWS = """\
water / cement,age,colour,wet,day,kind,strength
0.4,1,red,yes,2024-01-01,good,10
0.6,28,green,no,2024-02-01,bad,20
0.5,7,blue,yes,2024-03-01,good,30
0.5,7,blue,yes,2024-03-01,good,31
"""


@pytest.fixture(scope="session")
def preprocessing(tmp_path_factory: pytest.TempPathFactory) -> Preprocessing:
    path: Path = tmp_path_factory.mktemp("data") / "mixed.csv"
    path.write_text(ROWS, encoding="utf-8")
    spec = DataSpec(
        source=str(path),
        target=("strength", "kind"),
        columns={"day": ColumnSpec(type="date"), "colour": ColumnSpec(type="category")},
    )
    return fit_preprocessing(spec, read_table([path]), np.arange(4))
