"""Requests and answers, without a socket."""

import asyncio
import base64
import csv
import io
import json
import re
import shutil
import textwrap
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from dlcli.commands.predict import predict
from dlcli.errors import RunError
from dlcli.runs import RunFolder, load_json, write_json
from dlcli.serving.app import STATUSES
from dlcli.serving.counters import STATUSES as COUNTED

REPOSITORY = Path(__file__).parents[2]
ROW = {
    "size": 2.5, "age": 30, "colour": "red", "new": True, "day": "2024-03-01", "note": "good thing",
}  # fmt: skip


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def error_of(response, status):
    assert response.status_code == status, response.text
    return response.json()["error"]


def test_json_rows_get_what_predict_gives(concrete, concrete_csv, trained_run, tmp_path):
    predict(str(trained_run.path), concrete_csv, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")[:200]
    wanted = [float(row["predicted_compressive_strength"]) for row in rows]
    typed = [{name: float(cell) for name, cell in row.items()} for row in rows]
    for some in (rows, typed, typed[:3]):
        answer = concrete.post(json=some)
        assert answer.status_code == 200
        found = [each["predicted_compressive_strength"] for each in answer.json()["predictions"]]
        assert found == pytest.approx(wanted[: len(some)], rel=1e-5)
    single = concrete.post(json=typed[0]).json()["predictions"]
    assert single == [{"predicted_compressive_strength": pytest.approx(wanted[0], rel=1e-5)}]


def test_csv_comes_back_as_predict_writes_it(concrete, concrete_csv, trained_run, tmp_path):
    predict(str(trained_run.path), concrete_csv, tmp_path / "out.csv")
    answer = concrete.post_text(concrete_csv.read_bytes())
    assert answer.headers["content-type"].startswith("text/csv")
    ours = list(csv.DictReader(io.StringIO(answer.text)))
    for mine, theirs in zip(ours, rows_of(tmp_path / "out.csv"), strict=True):
        first = float(mine.pop("predicted_compressive_strength"))
        assert first == pytest.approx(float(theirs.pop("predicted_compressive_strength")), rel=1e-5)
        assert mine == theirs
    as_json = concrete.post_text(concrete_csv.read_bytes(), accept="application/json")
    assert len(as_json.json()["predictions"]) == 1030


def test_requests_that_wait_together_get_their_own_answers(concrete, concrete_csv):
    rows = [{name: float(cell) for name, cell in row.items()} for row in rows_of(concrete_csv)[:40]]
    rows[7] = {**rows[7], "age": int(rows[7]["age"])}
    alone = [concrete.post(json=row).json()["predictions"][0] for row in rows]
    before = concrete.counters.text({})
    requests = [("POST", "/predict", {"json": row}) for row in rows]
    bad = [{**rows[0], "age": "old"}, {"age": 3}]
    requests += [("POST", "/predict", {"json": row}) for row in bad]
    *answers, no_number, no_column = asyncio.run(concrete.send(*requests))
    for mine, wanted in zip(answers, alone, strict=True):
        assert mine.json()["predictions"][0] == pytest.approx(wanted, rel=1e-5)
    assert error_of(no_number, 422)["column"] == "age"
    assert "has no column 'cement'" in error_of(no_column, 422)["message"]

    def batches(text):
        return int(text.partition("dlcli_batches_total ")[2].splitlines()[-1].split()[-1])

    # Forty requests in a few runs of the network: that is what batching is.
    assert batches(concrete.counters.text({})) - batches(before) <= 10


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"size": "big"}, "size", "request, row 2: 'big'"),
        ({"colour": "pink"}, "colour", "request, row 2: 'pink'"),
        ({"new": "perhaps"}, "new", "neither true nor false"),
        ({"day": "tomorrow"}, "day", "no date"),
        ({"colour": None}, "colour", "missing cell"),
    ],
)
def test_a_bad_cell_is_named_with_row_and_column(mixed, change, column, words):
    error = error_of(mixed.post(json=[ROW, {**ROW, **change}]), 422)
    assert error["column"] == column
    assert error["rows"] == [2]
    assert words in error["message"]
    assert error["hint"].startswith("mend the request; or train again with a policy")


def test_csv_rows_are_counted_as_in_the_file(mixed):
    text = "size,age,colour,new,day,note\n1,2,red,yes,2024-01-01,a\n1,old,red,yes,2024-01-01,a\n"
    error = error_of(mixed.post_text(text), 422)
    assert error["rows"] == [3]
    assert "request.csv, row 3: 'old'" in error["message"]


def test_policies_act_as_in_training(mixed):
    answer = mixed.post(json=[ROW, {**ROW, "size": None}, {**ROW, "age": None}])
    first, filled, dropped = answer.json()["predictions"]
    assert filled["predicted_price"] != first["predicted_price"]
    assert set(dropped.values()) == {None}
    assert first["predicted_sold"] in ("ja", "nein")
    assert first["probability_sold_ja"] + first["probability_sold_nein"] == pytest.approx(1)


def test_intervals_stand_beside_numbers_where_they_are_asked_for(mixed, concrete, concrete_csv):
    narrow, wide = (
        mixed.post(query=f"?interval={level}", json=[ROW, {**ROW, "age": None}]).json()
        for level in ("0.5", "0.9")
    )
    first, dropped = wide["predictions"]
    assert first["lower_price"] < first["predicted_price"] < first["upper_price"]
    assert first["upper_price"] > narrow["predictions"][0]["upper_price"]
    assert dropped["lower_price"] is None
    assert "lower_price" not in mixed.post(json=ROW).json()["predictions"][0]
    # Of rows that need no table, and of tables.
    row = rows_of(concrete_csv)[0]
    typed = {name: float(cell) for name, cell in row.items()}
    answers = [
        concrete.post(query="?interval=0.8", json=typed).json()["predictions"][0],
        concrete.post(query="?interval=0.8", json=row).json()["predictions"][0],
    ]
    assert answers[0] == pytest.approx(answers[1], rel=1e-5)
    lines = "\n".join(concrete_csv.read_text(encoding="utf-8").splitlines()[:2])
    headers = {"content-type": "text/csv"}
    text = concrete.post(query="?interval=0.8", content=lines, headers=headers).text
    assert text.splitlines()[0].endswith(",lower_compressive_strength,upper_compressive_strength")


def test_intervals_that_cannot_be_had_are_told(mixed, image_run, ask_run):
    assert (
        "expected a share" in error_of(mixed.post(query="?interval=much", json=ROW), 422)["message"]
    )
    assert "between 0 and 1" in error_of(mixed.post(query="?interval=2", json=ROW), 422)["message"]
    few = error_of(mixed.post(query="?interval=0.999", json=ROW), 422)
    assert "validation rows" in few["message"]
    asked = ask_run(image_run)
    headers = {"content-type": "image/png"}
    classes = error_of(asked.post(query="?interval=0.9", content=b"", headers=headers), 422)
    assert "intervals are for numbers" in classes["message"]


def test_a_missing_column_names_the_nearest(mixed):
    row = {**ROW, "colour ": "red"}
    del row["colour"]
    error = error_of(mixed.post(json=row), 422)
    assert "no column 'colour'" in error["message"]
    assert error["hint"] == "did you mean 'colour '?"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b'{"a": 1', 400, "not JSON"),
        (b"[]", 400, "no rows"),
        (b"[{}]", 422, "no cells"),
        (b"3", 422, "expected a JSON object"),
        (b'{"size": [1]}', 422, "holds a list"),
        (b'{"size": NaN}', 400, "NaN is not JSON"),
        (b'{"size": 1, "size": 2}', 400, "appears twice"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b"\xff\xfe\x00", 400, "not JSON"),
    ],
)
def test_what_is_no_table_of_rows_is_told(mixed, body, status, words):
    error = error_of(mixed.post_text(body, "application/json"), status)
    assert words in error["message"]


def test_other_content_types_are_refused(mixed):
    error = error_of(mixed.post_text("a", "text/plain"), 415)
    assert "'text/plain'" in error["message"]
    assert "application/json, text/csv" in error["hint"]
    assert "missing" in error_of(mixed.post(content=b"{}"), 415)["message"]
    zipped = mixed.post_text(b"x", "text/csv", **{"content-encoding": "gzip"})
    assert "encoded as 'gzip'" in error_of(zipped, 415)["message"]
    assert "is empty" in error_of(mixed.post_text(""), 422)["message"]


def test_a_column_in_the_way_of_the_predictions_is_told(concrete, concrete_csv):
    text = concrete_csv.read_text(encoding="utf-8").splitlines()[:2]
    lines = [f"{text[0]},predicted_compressive_strength", f"{text[1]},1"]
    error = error_of(concrete.post_text("\n".join(lines)), 422)
    assert "a column 'predicted_compressive_strength' already" in error["message"]


def test_formulas_do_not_run_in_a_spreadsheet(concrete, concrete_csv):
    text = concrete_csv.read_text(encoding="utf-8").splitlines()[:2]
    answer = concrete.post_text(f"note,{text[0]}\n=1+1,{text[1]}\n")
    assert answer.text.splitlines()[1].startswith("'=1+1,")


def test_large_requests_are_refused_before_they_are_read(ask_run, trained_run):
    asked = ask_run(trained_run, most_bytes=1000)
    told = error_of(asked.post_text(b" " * 2000, "application/json"), 413)
    assert told["message"] == "the request has 2,000 bytes; this server takes up to 1,000"
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 500
            yield b" " * 500

    response = asked.post_text(endless(), "application/json")
    assert "more than the 1,000 bytes allowed" in error_of(response, 413)["message"]
    assert response.headers["connection"] == "close"
    # What lingers is forgotten, and soon over.
    assert read < 5_000_000


def test_many_large_requests_at_once_are_asked_to_wait(ask_run, trained_run):
    asked = ask_run(trained_run, most_bytes=1000)

    async def slow():
        for _ in range(9):
            yield b" " * 100
            await asyncio.sleep(0.01)

    headers = {"content-type": "text/csv"}
    requests = [("POST", "/predict", {"content": slow(), "headers": headers}) for _ in range(8)]
    answers = asyncio.run(asked.send(*requests))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert {answer.status_code for answer in answers} <= {422, 503}
    # And nothing stays held.
    assert asked.post_text("", "text/csv").status_code == 422


def test_paths_and_methods_that_are_not_there(concrete):
    assert error_of(concrete.get("/nothing"), 404)["message"] == "there is nothing at /nothing"
    assert "POST" in error_of(concrete.get("/predict"), 405)["hint"]


def test_health_tells_which_run(concrete):
    found = concrete.get("/health").json()
    assert found["status"] == "ok"
    assert found["name"] == "concrete"
    assert "RMSE" in found["score"][0]


def test_metrics_are_what_prometheus_reads(ask_run, trained_run):
    asked = ask_run(trained_run)
    asked.post(json={"age": 1})
    asked.get("/elsewhere")
    answer = asked.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'dlcli_requests_total{path="/predict",status="422"} 1' in lines
    assert 'dlcli_requests_total{path="other",status="404"} 1' in lines
    assert "dlcli_request_seconds_count 1" in lines
    assert 'dlcli_request_seconds_bucket{le="+Inf"} 1' in lines
    assert answer.text.endswith("\n")
    assert {200, *STATUSES} <= set(COUNTED)


def test_a_token_is_asked_of_everything_but_the_page_and_health(ask_run, trained_run, concrete_csv):
    asked = ask_run(trained_run, token="correct-horse-battery")
    assert asked.get("/").status_code == 200
    assert asked.get("/health").status_code == 200
    for path in ("/metrics", "/openapi.json", "/nothing"):
        assert "is missing" in error_of(asked.get(path), 401)["message"]
    wrong = asked.get("/metrics", headers={"authorization": "Bearer wrong-horse-battery!"})
    assert "is not the one" in error_of(wrong, 401)["message"]
    assert wrong.headers["www-authenticate"] == "Bearer"
    right = {"authorization": "Bearer correct-horse-battery"}
    assert asked.get("/metrics", headers=right).status_code == 200
    document = asked.get("/openapi.json", headers=right).json()
    assert document["components"]["securitySchemes"] == {
        "token": {"type": "http", "scheme": "bearer"}
    }
    assert "concrete" not in asked.get("/").text.replace("<title>concrete", "").replace(
        "<h1>concrete", ""
    )


def test_openapi_describes_the_rows_of_the_run(mixed):
    document = mixed.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    row = document["components"]["schemas"]["Row"]
    Draft202012Validator.check_schema(row)
    assert list(row["properties"]) == ["size", "age", "colour", "new", "day", "note"]
    size = row["properties"]["size"]
    assert size["type"] == ["number", "null"]
    assert size["x-training-range"][0] < size["example"] < size["x-training-range"][1]
    assert sorted(row["properties"]["colour"]["enum"]) == ["green", "red", "蓝"]
    assert row["properties"]["new"]["type"] == "boolean"
    Draft202012Validator(row).validate(ROW)
    answer = mixed.post(json=[ROW, {**ROW, "age": None}]).json()
    predictions = document["components"]["schemas"]["Predictions"]
    Draft202012Validator(predictions).validate(answer)
    assert "lower_price" in predictions["properties"]["predictions"]["items"]["properties"]
    assert document["x-level"] == 0.9
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "text/csv", "text/tab-separated-values"}
    examples = {
        name: each["example"] for name, each in row["properties"].items() if "example" in each
    }
    assert mixed.post(json={**examples, "note": "good"}).status_code == 200


def test_a_run_that_reads_sequences_forecasts(ask_run, sequence_run):
    asked = ask_run(sequence_run)
    lines = (REPOSITORY / "datasets" / "airpassengers.csv").read_text(encoding="utf-8")
    answer = asked.post_text(lines)
    assert answer.status_code == 200, answer.text
    assert len(answer.text.splitlines()) > 100
    assert answer.text.splitlines()[0].endswith("predicted_passengers")
    latest = asyncio.run(
        asked.send(
            (
                "POST",
                "/predict?latest=true",
                {"content": lines, "headers": {"content-type": "text/csv"}},
            )
        )
    )[0]
    assert len(latest.text.splitlines()) == 2
    rows = list(csv.DictReader(io.StringIO(lines)))
    as_json = asked.post(json=rows)
    assert len(as_json.json()["predictions"]) == len(answer.text.splitlines()) - 1
    assert error_of(asked.post(json=rows[:3]), 422)["message"]
    assert asked.get("/openapi.json").json()["x-reads"] == "sequences"


def test_a_run_that_reads_images_takes_them_as_bodies(ask_run, image_run):
    asked = ask_run(image_run)
    sink = io.BytesIO()
    Image.new("L", (6, 6), 210).save(sink, "PNG")
    answer = asked.post_text(sink.getvalue(), "image/png")
    assert answer.json()["predictions"][0]["predicted_class"] in ("dark", "light")
    broken = error_of(asked.post_text(b"no image", "image/png"), 422)
    assert "request.png" in broken["message"]
    # A path in a cell would let clients look for files of this machine.
    assert "reads images" in error_of(asked.post(json={"image": "/etc/passwd"}), 415)["message"]


def encoded(level: int) -> str:
    sink = io.BytesIO()
    Image.new("L", (6, 6), level).save(sink, "PNG")
    return base64.b64encode(sink.getvalue()).decode()


def test_rows_hold_images_beside_other_cells(ask_run, pictured_run, tmp_path):
    asked = ask_run(pictured_run)
    in_lines = "\n".join(textwrap.wrap(encoded(200), 40))
    rows = [
        {"photo": encoded(200), "size": 2.5},
        {"size": 2.5, "photo": f"data:image/png;base64,{encoded(200)}"},
        {"photo": in_lines, "size": 2.5},
        {"photo": encoded(20), "size": 2.5},
    ]
    prices = [each["predicted_price"] for each in asked.post(json=rows).json()["predictions"]]
    assert prices[0] == prices[1] == prices[2] != prices[3]
    Image.new("L", (6, 6), 200).save(tmp_path / "square.png")
    table = "photo,size\nsquare.png,2.5\n"
    (tmp_path / "table.csv").write_text(table, encoding="utf-8")
    predict(str(pictured_run.path), tmp_path / "table.csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        told = next(csv.DictReader(file))
    assert float(told["predicted_price"]) == pytest.approx(prices[0])
    document = asked.get("/openapi.json").json()
    photo = document["components"]["schemas"]["Row"]["properties"]["photo"]
    assert photo["contentEncoding"] == "base64" and document["x-reads"] == "mixed"
    taken = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert list(taken) == ["application/json"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("/etc/passwd", r"no image:\n  request, row 2: '/etc/passwd'"),
        ("0.png", r"no image:\n  request, row 2: '0.png'"),
        (7, "no image:\n  request, row 2: 7"),
        ("x" * 100 + "!", r"row 2: 'x{23}…$"),
        ("data:image/png;base64,???", "no image"),
        ("bm8gaW1hZ2U=", "request, row 2: 'image of row 2' is no PNG"),
        (None, "column 'photo' has 1 missing cell"),
    ],
)
def test_a_cell_that_is_no_image_is_told_with_its_row(ask_run, pictured_run, cell, words):
    rows = [{"photo": encoded(9), "size": 1}, {"photo": cell, "size": 1}]
    error = error_of(ask_run(pictured_run).post(json=rows), 422)
    assert re.search(words, error["message"]), error["message"]
    assert (error["column"], error["rows"]) == ("photo", [2])


def test_what_holds_no_images_and_too_many_of_them_are_refused(ask_run, pictured_run, monkeypatch):
    asked = ask_run(pictured_run)
    for kind in ("text/csv", "image/png"):
        told = error_of(asked.post_text("photo,size\n0.png,1\n", kind), 415)
        assert "beside other columns, which only JSON rows hold" in told["message"]
        assert told["hint"] == "send one of application/json"
    monkeypatch.setattr("dlcli.serving.bodies.MOST_PIXEL_BYTES", 100)
    rows = [{"photo": encoded(9), "size": 1}] * 3
    told = error_of(asked.post(json=rows), 413)
    assert "the images of 3 rows take 108 bytes as pixels; at most 100 are taken" in told["message"]
    assert told["hint"] == "send up to 2 rows at a time"


def test_sequences_of_images_cannot_be_served(ask_run, sequence_run, image_run, tmp_path):
    shutil.copytree(sequence_run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    state, manifest = load_json(run.preprocessing), load_json(run.manifest)
    state["table"]["columns"] += load_json(image_run.preprocessing)["table"]["columns"]
    write_json(run.preprocessing, state)
    del manifest["files"]["preprocessing.json"]
    write_json(run.manifest, manifest)
    with pytest.raises(RunError, match="reads sequences of images, which no request can hold"):
        ask_run(run)


def test_a_bug_is_told_without_its_inside(concrete, monkeypatch):
    def break_down(self, tensors, level=None):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(type(concrete.served), "predict_tensors", break_down)
    row = {name: 1.0 for name in concrete.served.bundle.preprocessing.needed_columns}
    for _ in range(2):
        error = error_of(concrete.post(json=row), 500)
        assert error["message"] == "a bug in dlcli: ZeroDivisionError"
        assert "secret" not in json.dumps(error)


def test_the_page_of_the_docs_is_true(concrete):
    text = (REPOSITORY / "docs" / "serve.md").read_text(encoding="utf-8")
    asked = re.search(r"-d '(.*?)'", text, re.DOTALL)[1]
    answer = concrete.post_text(asked, "application/json")
    assert answer.status_code == 200, answer.text
    statuses = {int(found) for found in re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE)}
    assert statuses == set(STATUSES)
    example = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])["error"]
    row = json.loads(asked)
    told = error_of(concrete.post(json=[row, {**row, "age": "old"}]), 422)
    assert {**told, "hint": ""} == {**example, "hint": ""}
    assert told["hint"].startswith(example["hint"].removesuffix("..."))
    for path in re.findall(r"^\| `(/[\w.]*)` \|", text, re.MULTILINE):
        assert concrete.get(path).status_code == 200
