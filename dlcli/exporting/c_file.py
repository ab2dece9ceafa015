"""A run as one C99 file without dependencies: raw numbers of a row in, units out."""

import re
from dataclasses import dataclass, field
from typing import Any

import onnx

from dlcli import __version__
from dlcli.bundle.onnx_file import read_onnx_file
from dlcli.bundle.store import Bundle
from dlcli.data.columns.boolean import BooleanInput
from dlcli.data.columns.category import CategoryInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.tensor import FEATURES
from dlcli.data.scaling import CENTRE, EDGE, FAR_TAIL, NEAR_TAIL, Scaler
from dlcli.exporting.c_network import INSTEAD, Network, Vector, write_network
from dlcli.exporting.c_numbers import comment, real, table, text
from dlcli.exporting.columns import NotInFormatError, numbers_of, plain_name, raw_columns
from dlcli.exporting.steps import is_plain
from dlcli.predictions import OutputReading
from dlcli.runs import RunFolder
from dlcli.spec.names import tensor_name


@dataclass(kw_only=True)
class _File:
    """The parts of the file in the making."""

    prefix: str
    tables: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    """Functions beside the one that predicts: `to_normal`, `from_normal`."""

    def quantiles(self, scaler: Scaler) -> tuple[str, int]:
        """Store the quantiles of a scaler and return the name and the size of their table."""
        assert scaler.quantiles is not None
        name = f"{self.prefix}_quantiles_{len(self.tables)}"
        self.tables.append("\n".join(table("double", name, [real(q) for q in scaler.quantiles])))
        return name, len(scaler.quantiles)


def build_c(run: RunFolder, bundle: Bundle) -> str:
    """Return the file's text; raises NotInFormatError for what it cannot hold."""
    raw_columns(bundle.preprocessing)
    _check_columns(bundle)
    record = run.load_manifest()
    if not record["onnx"]["written"]:
        raise NotInFormatError(
            f"the network has no ONNX form to write C from: {record['onnx']['reason']}",
            "--format saved_model holds every network",
        )
    run.check_files(run.onnx)
    model = onnx.load_model_from_string(read_onnx_file(run.onnx))
    file = _File(prefix=function_prefix(record["name"]))
    network = write_network(model, file.prefix)
    taken = {each.name: network.vectors[each.name] for each in model.graph.input}
    _write_inputs(file, bundle, taken)
    file.statements += network.statements
    _write_outputs(file, bundle, network)
    return _layout(file, bundle, network, taken, record["name"])


def function_prefix(name: str) -> str:
    """Return how the names of a run's functions begin."""
    return re.sub(r"\W", "_", plain_name(name), flags=re.ASCII).lower()


def count_outputs(bundle: Bundle) -> int:
    """Return how many numbers the function gives: one for a number, one for each class."""
    return sum(len(info.classes or ("",)) for info in bundle.preprocessing.targets)


def describe_inputs(bundle: Bundle) -> dict[str, str]:
    """Say what goes into each place of `inputs`."""
    columns = bundle.preprocessing.input_columns
    return {f"inputs[{place}]": _described(column) for place, column in enumerate(columns)}


def describe_outputs(bundle: Bundle) -> tuple[str, ...]:
    """Say what comes out in each place of `outputs`."""
    return tuple(f"outputs[{place}]  {what}" for place, what in enumerate(_outputs(bundle)))


def _outputs(bundle: Bundle) -> list[str]:
    described = []
    for target in _places(bundle):
        for label in _classes(bundle)[target] or (None,):
            what = "a number in its unit" if label is None else f"the probability of {label}"
            described.append(f"{comment(target)}: {comment(what)}")
    return described


def _check_columns(bundle: Bundle) -> None:
    for column in bundle.preprocessing.input_columns:
        if not is_plain(column):
            name, kind = column.settings.name, column.settings.type
            other = "saved_model" if kind == "text" else "onnx"
            raise NotInFormatError(
                f"the column {name!r} is of type {kind}; C files take numbers, true and false, and "
                "categories",
                f"--format {other} holds it; `drop: [{name}]` under `data` trains without it",
            )
        scaler = column.scaler if isinstance(column, NumberInput) else None
        if scaler is not None and scaler.quantiles is not None and scaler.bound is not None:
            raise NotInFormatError(
                f"the column {column.settings.name!r} has quantile scaling with a bound, which C "
                "files do not",
                INSTEAD,
            )
    if bundle.preprocessing.whitening is not None:
        raise NotInFormatError("the run whitens its features, which C files do not", INSTEAD)
    if bundle.has_members:
        raise NotInFormatError(
            "the run is an ensemble, whose members C files do not average", INSTEAD
        )


def _write_inputs(file: _File, bundle: Bundle, taken: dict[str, Vector]) -> None:
    place = 0
    for index, column in enumerate(bundle.preprocessing.input_columns):
        own = taken.get(tensor_name(column.settings.name))
        file.statements += ["", f"/* {comment(column.settings.name)} */", f"x = inputs[{index}];"]
        target = f"{taken[tensor_name(FEATURES)].name}[{place}]" if column.feature_names else ""
        if isinstance(column, CategoryInput):
            _write_category(file, column, index, place, taken, own)
        elif isinstance(column, NumberInput):
            _write_number(file, column, index, target)
        elif isinstance(column, BooleanInput):
            _write_boolean(file, column, index, target)
        place += len(column.feature_names)


def _write_number(file: _File, column: NumberInput, index: int, target: str) -> None:
    settings = column.settings
    missing = _missing(settings.missing_values)
    if settings.unreadable == "missing":
        missing += " || isinf(x)"
    else:
        file.statements += ["if (isinf(x))", f"    return {index + 1};"]
    _tell(file, column, missing, target)
    _fill(file, missing, column.fill, index)
    scaled = "x"
    if column.scaler.quantiles is not None:
        name, size = file.quantiles(column.scaler)
        file.needs.add("to_normal")
        scaled = f"{file.prefix}_to_normal(x, {name}, {size})"
    elif column.scaler.kind != "none":
        scaled = f"(x - {_signed(column.scaler.offset)}) / {real(column.scaler.scale)}"
        if column.scaler.bound is not None:
            file.statements += [f"x = {scaled};"]
            scaled = f"x / hypot(1.0, x / {real(column.scaler.bound)})"
    file.statements += [f"{target} = (float)({scaled});"]
    file.statements += [f"if (!isfinite({target}))", f"    return {index + 1};"]


def _write_boolean(file: _File, column: BooleanInput, index: int, target: str) -> None:
    missing, other = "isnan(x)", "x != 0.0 && x != 1.0"
    if column.settings.unreadable == "missing":
        missing = f"isnan(x) || ({other})"
    _tell(file, column, missing, target)
    _fill(file, missing, column.fill, index)
    if column.settings.unreadable != "missing":
        file.statements += [f"if ({other})", f"    return {index + 1};"]
    file.statements += [f"{target} = (float)x;"]


def _write_category(
    file: _File,
    column: CategoryInput,
    index: int,
    place: int,
    taken: dict[str, Vector],
    own: Vector | None,
) -> None:
    count = len(column.categories)
    known = column.fill in column.categories
    filled = str(column.categories.index(str(column.fill))) if known else "-1"
    refused = f"return {index + 1};"
    file.statements += [
        "if (isnan(x))",
        f"    {refused}" if column.fill is None else f"    code = {filled};",
        f"else if (x >= 0.0 && x < {count}.0 && x == floor(x))",
        "    code = (int)x;",
        "else",
        "    code = -1;",
    ]
    if column.settings.unseen == "error":
        file.statements += ["if (code < 0)", f"    {refused}"]
    if own is not None:
        code = "code" if column.settings.unseen == "error" else f"code < 0 ? {count} : code"
        file.statements += [f"{own.name} = {code};"]
        return
    features = taken[tensor_name(FEATURES)].name
    file.statements += [
        f"for (i = 0; i < {count}; i++)",
        f"    {features}[{place} + i] = i == code ? 1.0f : 0.0f;",
    ]


def _missing(markers: tuple[str, ...]) -> str:
    numbers = numbers_of(tuple(dict.fromkeys(m for m in markers if numbers_of((m,))))) or ()
    return " || ".join(["isnan(x)", *(f"x == {_signed(number)}" for number in numbers)])


def _tell(file: _File, column: NumberInput | BooleanInput, missing: str, target: str) -> None:
    """Write the feature after `target` that tells whether a cell was missing."""
    if column.has_indicator:
        name, place = target.removesuffix("]").split("[")
        file.statements += [f"{name}[{int(place) + 1}] = ({missing}) ? 1.0f : 0.0f;"]


def _fill(file: _File, missing: str, fill: float | None, index: int) -> None:
    done = f"return {index + 1};" if fill is None else f"x = {real(fill)};"
    file.statements += [f"if ({missing})", f"    {done}"]


def _signed(value: float) -> str:
    """Write a double that may stand behind a minus."""
    return f"({real(value)})" if value < 0 else real(value)


def _write_outputs(file: _File, bundle: Bundle, network: Network) -> None:
    places = _places(bundle)
    for reading in bundle.readings:
        given = network.vector(tensor_name(reading.output)).name
        for index, target in enumerate(reading.targets):
            place = places[target]
            file.statements += ["", f"/* {comment(target)} */"]
            if reading.task == "regression":
                column = bundle.preprocessing.number_target(target)
                value = _restored(file, column.scaler, f"(double){given}[{index}]")
                if column.settings.clip:
                    least, most = real(column.minimum), real(column.maximum)
                    value = f"fmin(fmax({value}, {least}), {most})"
                file.statements += [f"outputs[{place}] = {value};"]
            elif reading.task == "binary":
                share = _SHARES[reading.link].format(x=f"(double){given}[{index}]")
                file.statements += [
                    f"x = {share};",
                    "x = x < 0.0 ? 0.0 : (x > 1.0 ? 1.0 : x);",
                    f"outputs[{place}] = 1.0 - x;",
                    f"outputs[{place + 1}] = x;",
                    *_softened(reading, place, 2),
                ]
            else:
                classes = len(_classes(bundle)[target])
                file.statements += _written_shares(reading, given, place, classes)
                file.statements += _softened(reading, place, classes)


_SHARES = {
    "identity": "{x}",
    "sigmoid": "1.0 / (1.0 + exp(-{x}))",
    "margin": "(1.0 + {x}) / 2.0",
}


def _written_shares(reading: OutputReading, given: str, place: int, count: int) -> list[str]:
    """Return what writes the probabilities of several classes."""
    value = f"(double){given}[i]"
    lines = ["{", "    double sum = 0.0;"]
    if reading.link == "softmax":
        lines += [
            f"    double most = (double){given}[0];",
            f"    for (i = 1; i < {count}; i++)",
            f"        most = fmax(most, {value});",
        ]
        value = f"exp({value} - most)"
    elif reading.link == "exp":
        value = f"exp({value})"
    return [
        *lines,
        f"    for (i = 0; i < {count}; i++) {{",
        f"        outputs[{place} + i] = {value};",
        f"        sum += outputs[{place} + i];",
        "    }",
        f"    for (i = 0; i < {count}; i++)",
        f"        outputs[{place} + i] = sum > 0.0 ? outputs[{place} + i] / sum : 1.0 / {count}.0;",
        "}",
    ]


def _softened(reading: OutputReading, place: int, count: int) -> list[str]:
    """Return what divides the logits of probabilities by the run's temperature."""
    if reading.temperature == 1:
        return []
    cooled = f"log(fmax(outputs[{place} + i], DBL_MIN)) / {real(reading.temperature)}"
    return [
        "{",
        "    double most = -INFINITY, sum = 0.0;",
        f"    for (i = 0; i < {count}; i++) {{",
        f"        outputs[{place} + i] = {cooled};",
        f"        most = fmax(most, outputs[{place} + i]);",
        "    }",
        f"    for (i = 0; i < {count}; i++) {{",
        f"        outputs[{place} + i] = exp(outputs[{place} + i] - most);",
        f"        sum += outputs[{place} + i];",
        "    }",
        f"    for (i = 0; i < {count}; i++)",
        f"        outputs[{place} + i] /= sum;",
        "}",
    ]


def _restored(file: _File, scaler: Scaler, value: str) -> str:
    if scaler.quantiles is not None:
        name, size = file.quantiles(scaler)
        file.needs.add("from_normal")
        return f"{file.prefix}_from_normal({value}, {name}, {size})"
    if scaler.kind == "none":
        return value
    return f"{value} * {real(scaler.scale)} + {_signed(scaler.offset)}"


def _classes(bundle: Bundle) -> dict[str, tuple[str, ...]]:
    return {info.name: info.classes or () for info in bundle.preprocessing.targets}


def _places(bundle: Bundle) -> dict[str, int]:
    """Return where the outputs of each target begin."""
    places, place = {}, 0
    for reading in bundle.readings:
        for target in reading.targets:
            places[target] = place
            place += len(_classes(bundle)[target]) or 1
    return places


def _layout(
    file: _File, bundle: Bundle, network: Network, taken: dict[str, Vector], name: str
) -> str:
    prefix, columns = file.prefix, bundle.preprocessing.input_columns
    declared = [
        f"int {vector.name};" if vector.is_code else f"float {vector.name}[{vector.size}];"
        for vector in taken.values()
    ]
    uses_code = any(isinstance(column, CategoryInput) for column in columns)
    uses = "\n".join(file.statements)
    counters = [each for each in ("i", "j") if re.search(rf"\b{each} =", uses)]
    body = [
        *declared,
        *network.declarations,
        "double x;",
        *(["int code;"] if uses_code else []),
        *([f"int {', '.join(counters)};"] if counters else []),
        *file.statements,
        "return 0;",
    ]
    parts = [
        _head(file, bundle, name),
        "\n".join(
            [
                *(["#include <float.h>"] if "DBL_MIN" in uses else []),
                "#include <math.h>",
                *(["#include <string.h>"] if uses_code else []),
            ]
        ),
        *file.tables,
        *network.tables,
        *_quantile_functions(file),
        "\n".join(
            [
                f"int {prefix}_predict(const double *inputs, double *outputs)",
                "{",
                *(f"    {line}" if line else "" for line in body),
                "}",
            ]
        ),
        *_category_function(prefix, columns),
        *_class_functions(prefix, bundle),
    ]
    return "\n\n".join(parts) + "\n"


def _head(file: _File, bundle: Bundle, name: str) -> str:
    prefix, columns = file.prefix, bundle.preprocessing.input_columns
    lines = [
        f"{comment(name)}, written by dlcli {__version__}: C99, no dependencies, nothing allocated.",
        "",
        f"    int {prefix}_predict(const double *inputs, double *outputs);",
        "",
        "returns 0, or the number of the input (from 1) for which there is no prediction: a missing",
        "or unreadable value that training had no policy for, or a category that it has not seen.",
        "Do not compile with -ffast-math: NAN says that a value is missing.",
        "",
        f"inputs, {len(columns)} numbers:",
        *(f"    {index}  {_described(column)}" for index, column in enumerate(columns)),
        "",
        f"outputs, {count_outputs(bundle)} numbers:",
    ]
    lines += [f"    {place}  {what}" for place, what in enumerate(_outputs(bundle))]
    if any(isinstance(column, CategoryInput) for column in columns):
        lines += [
            "",
            f"    int {prefix}_category(int input, const char *text);",
            "",
            "returns the number that stands for a category (UTF-8), -1 for an unknown one.",
        ]
    for target, classes in _classes(bundle).items():
        if classes:
            own = f"{prefix}_class_{plain_name(target)}"
            lines += [
                "",
                f"    int {own}(const double *outputs);",
                f"    const char *const {own}_names[{len(classes)}];",
                "",
                "returns the class that is predicted, counted from 0, and how the classes are called.",
            ]
    return "/*\n" + "\n".join(f" * {line}".rstrip() for line in lines) + "\n */"


def _described(column: InputColumn) -> str:
    name = comment(column.settings.name)
    if isinstance(column, CategoryInput):
        names = [f"{index} {comment(each)}" for index, each in enumerate(column.categories[:20])]
        more = ", ..." if len(column.categories) > 20 else ""
        return f"{name}: the number of a category: {', '.join(names)}{more}; NAN is missing"
    if isinstance(column, BooleanInput):
        return f"{name}: 0 or 1; NAN is missing"
    return f"{name}: a number; NAN is missing"


def _category_function(prefix: str, columns: tuple[InputColumn, ...]) -> list[str]:
    found = {
        index: column.categories
        for index, column in enumerate(columns)
        if isinstance(column, CategoryInput)
    }
    if not found:
        return []
    parts = []
    for index, names in found.items():
        kind, own = "char *const", f"{prefix}_categories_{index}"
        parts.append("\n".join(table(kind, own, [text(name) for name in names])))
    lines = [
        f"int {prefix}_category(int input, const char *text)",
        "{",
        "    const char *const *names = 0;",
        "    int i, count = 0;",
        "",
    ]
    for index, names in found.items():
        lines += [
            f"    if (input == {index}) {{",
            f"        names = {prefix}_categories_{index};",
            f"        count = {len(names)};",
            "    }",
        ]
    lines += [
        "    for (i = 0; i < count; i++)",
        "        if (strcmp(names[i], text) == 0)",
        "            return i;",
        "    return -1;",
        "}",
    ]
    return [*parts, "\n".join(lines)]


def _class_functions(prefix: str, bundle: Bundle) -> list[str]:
    parts = []
    thresholds = {
        target: reading.threshold_of(target)
        for reading in bundle.readings
        for target in reading.targets
    }
    for target, place in _places(bundle).items():
        classes = _classes(bundle)[target]
        if not classes:
            continue
        own = f"{prefix}_class_{plain_name(target)}"
        names = table("char *const", f"{own}_names", [text(name) for name in classes])
        parts.append("\n".join(names).removeprefix("static "))
        if len(classes) == 2:
            body = [f"    return outputs[{place + 1}] >= {real(thresholds[target])};"]
        else:
            body = [
                "    int i, best = 0;",
                "",
                f"    for (i = 1; i < {len(classes)}; i++)",
                f"        if (outputs[{place} + i] > outputs[{place} + best])",
                "            best = i;",
                "    return best;",
            ]
        parts.append("\n".join([f"int {own}(const double *outputs)", "{", *body, "}"]))
    return parts


def _quantile_functions(file: _File) -> list[str]:
    given: dict[str, Any] = {"prefix": file.prefix, "edge": real(EDGE)}
    parts = []
    if "to_normal" in file.needs:
        for name, polynomials in (("centre", CENTRE), ("near", NEAR_TAIL), ("far", FAR_TAIL)):
            for kind, coefficients in zip(("above", "below"), polynomials, strict=True):
                own = f"{file.prefix}_{name}_{kind}"
                parts.append("\n".join(table("double", own, [real(each) for each in coefficients])))
        parts.append(_TO_NORMAL.format(**given))
    if "from_normal" in file.needs:
        parts.append(_FROM_NORMAL.format(**given))
    return parts


_TO_NORMAL = """\
static double {prefix}_ratio(const double *above, const double *below, double x)
{{
    double over = above[0], under = below[0];
    int i;

    for (i = 1; i < 8; i++) {{
        over = over * x + above[i];
        under = under * x + below[i];
    }}
    return over / under;
}}

/* The share of training values below x, halfway where several are equal. */
static double {prefix}_share(double x, const double *quantiles, int count)
{{
    double sum = 0.0;
    int from_above;

    if (x <= quantiles[0])
        return 0.0;
    if (x >= quantiles[count - 1])
        return 1.0;
    for (from_above = 0; from_above < 2; from_above++) {{
        int low = 0, high = count - 1;

        while (high - low > 1) {{
            const int middle = (low + high) / 2;

            if (from_above ? quantiles[middle] < x : quantiles[middle] <= x)
                low = middle;
            else
                high = middle;
        }}
        sum += (low + (x - quantiles[low]) / (quantiles[high] - quantiles[low])) / (count - 1);
    }}
    return 0.5 * sum;
}}

/* The normal quantile of that share: M. J. Wichura, Algorithm AS 241. */
static double {prefix}_to_normal(double x, const double *quantiles, int count)
{{
    const double share = {prefix}_share(x, quantiles, count);
    const double inner = fmin(fmax(share, {edge}), 1.0 - {edge});
    const double distance = inner - 0.5;
    double depth;

    if (fabs(distance) <= 0.425)
        return distance * {prefix}_ratio({prefix}_centre_above, {prefix}_centre_below,
                                         0.180625 - distance * distance);
    depth = sqrt(-log(fmin(inner, 1.0 - inner)));
    if (depth <= 5.0)
        depth = {prefix}_ratio({prefix}_near_above, {prefix}_near_below, depth - 1.6);
    else
        depth = {prefix}_ratio({prefix}_far_above, {prefix}_far_below, depth - 5.0);
    return distance < 0.0 ? -depth : depth;
}}"""

_FROM_NORMAL = """\
/* The quantile of the training values at the share that a normal number stands for. */
static double {prefix}_from_normal(double x, const double *quantiles, int count)
{{
    const double share = erfc(-x * sqrt(0.5)) / 2.0;
    double place;
    int low;

    if (share < {edge} * (1.0 + 1e-6))
        return quantiles[0];
    if (share > 1.0 - {edge} * (1.0 + 1e-6))
        return quantiles[count - 1];
    place = share * (count - 1);
    low = (int)place;
    if (low > count - 2)
        low = count - 2;
    return quantiles[low] + (place - low) * (quantiles[low + 1] - quantiles[low]);
}}"""
