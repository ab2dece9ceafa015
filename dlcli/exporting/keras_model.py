"""A run as a `.keras` file of plain layers: features in their own units in, units out."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from dlcli.bundle.keras_score import KerasScorer, input_names, output_names
from dlcli.bundle.store import Bundle
from dlcli.data.columns.date import DateInput
from dlcli.data.columns.inputs import InputColumn
from dlcli.data.columns.number import NumberInput
from dlcli.data.columns.tensor import FEATURES
from dlcli.data.preprocessing import Preprocessing
from dlcli.data.scaling import Scaler
from dlcli.exporting.columns import Arrays, NotInFormatError
from dlcli.predictions import OutputReading, TargetPrediction
from dlcli.spec.names import tensor_name

UNSCALED = Scaler(kind="none")

LINKS = {"sigmoid": "sigmoid", "softmax": "softmax", "exp": "exponential"}

MOST_ENTRIES_SHOWN = 12

INSTEAD = "--format onnx or saved_model holds it"


def build_raw_keras(scorer: KerasScorer, bundle: Bundle) -> keras.Model:
    """Return the run's network between layers that scale its inputs and undo its targets' scale.

    Its inputs have the names of the network's own; raises NotInFormatError for a scaling that no
    Keras layer has.
    """
    network, preprocessing = scorer.model, bundle.preprocessing
    _check_expressible(preprocessing)
    taken, given = {}, {}
    for name, own in zip(input_names(network), network.inputs, strict=True):
        scalers = _scalers_of(preprocessing, name)
        is_reshaped = name == tensor_name(FEATURES) and preprocessing.features_shape is not None
        shape = (len(scalers),) if is_reshaped else own.shape[1:]
        taken[name] = keras.Input(shape=shape, dtype=own.dtype, name=name)
        tensor = _scaled(taken[name], scalers)
        if is_reshaped:
            tensor = keras.layers.Reshape(own.shape[1:])(tensor)
        given[name] = tensor
    structure = getattr(network, "_inputs_struct", network.inputs[0])
    packed = keras.tree.pack_sequence_as(structure, list(given.values()))
    raw = dict(zip(output_names(network), keras.tree.flatten(network(packed)), strict=True))
    outputs = {
        tensor_name(each.output): _averaged(
            _read(raw[tensor_name(each.output)], each, preprocessing), each
        )
        for each in bundle.readings
    }
    return keras.Model(inputs=_lone(taken), outputs=_lone(outputs), name="run")


def in_own_units(preprocessing: Preprocessing) -> Preprocessing:
    """Return a preprocessing that encodes without scaling."""
    columns = tuple(_unscaled(column) for column in preprocessing.input_columns)
    return replace(preprocessing, input_columns=columns, features_shape=None)


def describe_inputs(preprocessing: Preprocessing) -> dict[str, str]:
    """Say what goes into each input, in the order of its entries."""
    meanings = {}
    for name, tensor in preprocessing.input_specs.items():
        entries = preprocessing.shared_tensors.get(name)
        shape = list(tensor.shape if entries is None else (*tensor.shape[:-1], len(entries)))
        if preprocessing.features_shape is not None and name == FEATURES:
            shape = [len(entries or ())]
        text = f"{tensor.dtype} [rows{''.join(f', {size}' for size in shape)}]"
        if entries is not None:
            more = ", ..." if len(entries) > MOST_ENTRIES_SHOWN else ""
            text += f": {', '.join(entries[:MOST_ENTRIES_SHOWN])}{more}"
        meanings[tensor_name(name)] = text
    return meanings


def keras_outputs(bundle: Bundle, predictions: dict[str, TargetPrediction]) -> Arrays:
    """Return a run's own predictions as the exported network gives them, by output."""
    arrays: Arrays = {}
    for reading in bundle.readings:
        parts = []
        for name in reading.targets:
            prediction = predictions[name]
            if prediction.values is not None:
                parts.append(prediction.values[..., None])
            elif prediction.probabilities is not None:
                binary = reading.task == "binary"
                parts.append(
                    prediction.probabilities[:, 1:] if binary else prediction.probabilities
                )
        arrays[tensor_name(reading.output)] = np.concatenate(parts, axis=-1)
    return arrays


def _check_expressible(preprocessing: Preprocessing) -> None:
    for column in preprocessing.input_columns:
        name = column.settings.name
        scalers = _column_scalers(column)
        if any(scaler.quantiles is not None for scaler in scalers):
            raise NotInFormatError(
                f"the column {name!r} has quantile scaling, which no Keras layer does", INSTEAD
            )
        if any(scaler.bound is not None for scaler in scalers):
            raise NotInFormatError(
                f"the column {name!r} has outliers bent, which no Keras layer does", INSTEAD
            )
    images = [column for column in preprocessing.image_columns if column.whitening is not None]
    if preprocessing.whitening is not None or images:
        raise NotInFormatError("the run whitens images, which no Keras layer does", INSTEAD)


def _scalers_of(preprocessing: Preprocessing, tensor: str) -> list[Scaler]:
    """Return the scaler of every entry of a tensor that columns share, none for other tensors."""
    entries: list[Scaler] = []
    for column in preprocessing.input_columns:
        if column.feature_names and tensor_name(preprocessing.shared_by(column)) == tensor:
            entries += _column_scalers(column)
    return entries


def _column_scalers(column: InputColumn) -> list[Scaler]:
    if isinstance(column, NumberInput | DateInput):
        own = [column.scaler] if isinstance(column, NumberInput) else list(column.scalers)
        return [*own, *[UNSCALED] * column.has_indicator]
    return [UNSCALED] * len(column.feature_names)


def _unscaled(column: InputColumn) -> InputColumn:
    if isinstance(column, NumberInput):
        return replace(column, scaler=UNSCALED)
    if isinstance(column, DateInput):
        return replace(column, scalers=(UNSCALED,) * len(column.scalers))
    return column


def _scaled(tensor: Any, scalers: list[Scaler]) -> Any:
    if all(scaler.kind == "none" for scaler in scalers):
        return tensor
    offsets = [scaler.offset for scaler in scalers]
    variances = [scaler.scale**2 for scaler in scalers]
    return keras.layers.Normalization(axis=-1, mean=offsets, variance=variances)(tensor)


def _read(tensor: Any, reading: OutputReading, preprocessing: Preprocessing) -> Any:
    if reading.task != "regression":
        if reading.temperature != 1:
            return _softened(tensor, reading)
        if reading.link == "margin":
            return keras.layers.ReLU(max_value=1.0)(keras.layers.Rescaling(0.5, 0.5)(tensor))
        link = LINKS.get(reading.link)
        return tensor if link is None else keras.layers.Activation(link)(tensor)
    targets = [preprocessing.number_target(name) for name in reading.targets]
    if any(target.settings.clip for target in targets):
        names = ", ".join(map(repr, reading.targets))
        raise NotInFormatError(f"the target {names} is clipped, which no Keras layer does", INSTEAD)
    scalers = [target.scaler for target in targets]
    if any(scaler.quantiles is not None for scaler in scalers):
        names = ", ".join(map(repr, reading.targets))
        raise NotInFormatError(f"the target {names} has quantile scaling", INSTEAD)
    if all(scaler.kind == "none" for scaler in scalers):
        return tensor
    scales, offsets = [s.scale for s in scalers], [s.offset for s in scalers]
    lone = len(scalers) == 1
    return keras.layers.Rescaling(
        scale=scales[0] if lone else scales, offset=offsets[0] if lone else offsets
    )(tensor)


def _averaged(tensor: Any, reading: OutputReading) -> Any:
    """Return the mean of the members of an ensemble, the second axis of what it gives."""
    return tensor if reading.members is None else keras.layers.GlobalAveragePooling1D()(tensor)


def _softened(tensor: Any, reading: OutputReading) -> Any:
    """Divide the logits of a head whose activation gives them: a network with logits."""
    if reading.members is not None:
        raise NotInFormatError(
            "the run calibrates the mean of its members, which no Keras layer does", INSTEAD
        )
    link = LINKS.get(reading.link)
    if link not in ("sigmoid", "softmax"):
        raise NotInFormatError(
            "the run calibrates probabilities, which no Keras layer does after an activation",
            INSTEAD,
        )
    cooled = keras.layers.Rescaling(1 / reading.temperature)(tensor)
    return keras.layers.Activation(link)(cooled)


def _lone(tensors: dict[str, Any]) -> Any:
    return tensors if len(tensors) > 1 else next(iter(tensors.values()))
