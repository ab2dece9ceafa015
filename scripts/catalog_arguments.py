"""Types, bounds, examples and descriptions of Keras arguments, which Keras itself only documents.

A key is `argument`, `kind.argument` or `kind.Class.argument`; the most specific one wins, per
field. A type is written as in the catalogue, with its bounds behind it: `integer >=1`,
`number >=0 <1 | null`. An empty type is derived from the argument's default and docstring.
Bounds hold for a number and for each number in a list. An example stands where a required
argument needs a value: `explain` prints it and the tests construct with it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What the tables know about one argument."""

    type: str = ""
    text: str = ""
    example: object = None


FLAG = "boolean"
SIZES = "integer | list[integer] >=1"
OFFSETS = "integer | list[integer] >=0"
SHARE = "number >=0 <=1"
POSITIVE = "number >0"
NOT_NEGATIVE = "number >=0"
UNIT_FACTOR = "number | list[number] >=0 <=1"
SIGNED_FACTOR = "number | list[number] >=-1 <=1"
INTERPOLATION = '"bilinear" | "nearest" | "bicubic" | "lanczos3" | "lanczos5"'
TWO_INTERPOLATIONS = '"bilinear" | "nearest"'
FILL_MODE = '"reflect" | "wrap" | "constant" | "nearest"'
VALUES = "list | null"
BETTER = '"auto" | "min" | "max"'
VOCABULARY_MODE = '"int" | "one_hot" | "multi_hot" | "count" | "tf_idf"'

RULES: dict[str, Rule] = {
    # Every component
    "name": Rule("text | null", "A name of your own, used in logs and history."),
    "layer.name": Rule("text | null", "The layer's name, by which other layers can refer to it."),
    "schedule.name": Rule("text", "A name of your own, used in graphs only."),
    "dtype": Rule("text | null", "Number type to compute in, such as float32."),
    "trainable": Rule(FLAG, "Whether training may change the layer's weights."),
    "seed": Rule("integer | null", "Seed of the random numbers; null takes a fresh one."),
    "axis": Rule("integer", "Axis to work along; -1 is the last one, the features."),
    "epsilon": Rule(NOT_NEGATIVE, "Small number that keeps a division away from zero."),
    "verbose": Rule("integer >=0", "1 prints a message when the callback acts, 0 stays silent."),
    # Layers: embeddings of numbers
    "frequencies": Rule("integer >=1", "Waves for each number."),
    "layer.PeriodicEmbedding.units": Rule(
        "integer >=1 | null", "Outputs for each number; null gives the waves themselves."
    ),
    "layer.PiecewiseLinearEncoding.units": Rule(
        "integer >=1 | null", "Outputs for each number; null gives the bins themselves."
    ),
    "layer.PeriodicEmbedding.sigma": Rule(
        POSITIVE, "Standard deviation of the frequencies at the start."
    ),
    "phase": Rule(FLAG, "Cosines with a learned phase in place of sines and cosines."),
    "keep_numbers": Rule(FLAG, "Put the numbers themselves beside their embeddings."),
    "flatten": Rule(FLAG, "One row of numbers; else (features, size)."),
    "layer.PiecewiseLinearEncoding.bins": Rule(
        "integer >=1", "Bins for each number, of equal shares of a standard normal."
    ),
    "layer.FeatureScale.initializer": Rule("initializer", "Where the factors start."),
    "layer.FeatureScale.regularizer": Rule("regularizer | null", "Penalty on the factors."),
    "layer.FeatureScale.constraint": Rule("constraint | null", "Bound on the factors."),
    # Layers: ensembles
    "members": Rule("integer >=1 | null", "Networks with weights of their own; null has one."),
    "layer.EnsembleDense.members": Rule(
        "integer >=1 | null", "Networks that train as one; null has as many as its input."
    ),
    "shared": Rule(FLAG, "One kernel for all members, with factors that tell them apart."),
    "factor_initializer": Rule(
        "", "How the factors of shared kernels start; null is random signs first, then ones."
    ),
    # Layers: categories
    "vocabulary_sizes": Rule(
        "list[integer] >=1 | null",
        "How many whole numbers each input holds; null takes those of the data.",
    ),
    "layer.CategoryEmbedding.units": Rule("integer >=1", "Numbers that stand for each category."),
    # Layers: sizes and shapes
    "units": Rule("integer >=1", "Number of outputs.", 64),
    "filters": Rule(
        "integer >=1", "Number of filters, which is the number of output channels.", 32
    ),
    "kernel_size": Rule(SIZES, "Size of the window: one number, or one per dimension.", 3),
    "strides": Rule(SIZES, "Step between windows: one number, or one per dimension."),
    "layer.pool_size": Rule(SIZES, "Size of the window to pool over.", 2),
    "output_size": Rule(SIZES, "Length of the output along each dimension.", 4),
    "size": Rule(SIZES, "How many times to repeat each row and column."),
    "padding": Rule(
        '"valid" | "same"', '"valid" uses full windows only; "same" pads to keep the size.'
    ),
    "layer.Conv1D.padding": Rule(
        '"valid" | "same" | "causal"',
        '"valid" uses full windows only, "same" pads to keep the length, "causal" never looks '
        "ahead.",
    ),
    "layer.ZeroPadding1D.padding": Rule(
        "integer | list[integer] | mapping >=0", "Zeros to add at the start and the end."
    ),
    "layer.ZeroPadding2D.padding": Rule(
        "integer | list >=0", "Zeros to add: one number, one per dimension, or pairs."
    ),
    "layer.ZeroPadding3D.padding": Rule(
        "integer | list >=0", "Zeros to add: one number, one per dimension, or pairs."
    ),
    "cropping": Rule(
        "integer | list >=0", "Values to cut off: one number, one per dimension, or pairs."
    ),
    "layer.Cropping1D.cropping": Rule(
        "integer | list[integer] | mapping >=0", "Steps to cut off at the start and the end."
    ),
    "output_padding": Rule(OFFSETS, "Extra size on one side of the output; below the stride."),
    "dilation_rate": Rule(SIZES, "Spacing between the inputs that one window looks at."),
    "groups": Rule("integer >=1", "Number of channel groups that are filtered separately."),
    "layer.GroupNormalization.groups": Rule(
        "integer >=-1", "Number of channel groups; -1 makes each channel its own group."
    ),
    "depth_multiplier": Rule("integer >=1", "Output channels for each input channel."),
    "data_format": Rule(
        '"channels_last" | "channels_first" | null',
        "Where the channels are; null takes Keras's setting, normally channels_last.",
    ),
    "keepdims": Rule(FLAG, "Keep the pooled dimensions with length 1."),
    "target_shape": Rule("list[integer]", "Shape of one row; one entry may be -1.", [4, 2]),
    "dims": Rule("list[integer] >=1", "New order of the dimensions, counted from 1.", [2, 1]),
    "n": Rule("integer >=1", "How many times to repeat.", 3),
    "axes": Rule("integer | list[integer]", "Axis of each input to multiply along.", 1),
    "normalize": Rule(FLAG, "Scale both inputs to unit length first, for cosine similarity."),
    "height": Rule("integer >=1", "Height of the output in pixels.", 32),
    "width": Rule("integer >=1", "Width of the output in pixels.", 32),
    "input_dim": Rule("integer >=1", "Number of distinct codes, the largest code plus one.", 1000),
    "output_dim": Rule("integer >=1", "Length of each code's vector.", 16),
    "mask_zero": Rule(FLAG, "Treat code 0 as padding that later layers skip."),
    "weights": Rule(VALUES, "Starting values in place of random ones."),
    "noise_shape": Rule(VALUES, "Shape of the mask; a 1 shares it along that dimension."),
    # Layers: behaviour
    "activation": Rule("", "Function applied to the output; null leaves it as it is.", "relu"),
    "layer.Activation.activation": Rule("activation", "Function to apply.", "relu"),
    "recurrent_activation": Rule("", "Function of the gates."),
    "use_bias": Rule(FLAG, "Whether to add a bias."),
    "kernel_initializer": Rule("", "How the weights start."),
    "bias_initializer": Rule("", "How the bias starts."),
    "recurrent_initializer": Rule("", "How the weights of the recurrent state start."),
    "depthwise_initializer": Rule("", "How the per-channel weights start."),
    "pointwise_initializer": Rule("", "How the weights that mix channels start."),
    "embeddings_initializer": Rule("", "How the vectors start."),
    "beta_initializer": Rule("", "How the shift starts."),
    "gamma_initializer": Rule("", "How the scale starts."),
    "moving_mean_initializer": Rule("", "How the running mean starts."),
    "moving_variance_initializer": Rule("", "How the running variance starts."),
    "alpha_initializer": Rule("", "How the slopes start."),
    "kernel_regularizer": Rule("", "Penalty on the weights, added to the loss."),
    "bias_regularizer": Rule("", "Penalty on the bias, added to the loss."),
    "activity_regularizer": Rule("", "Penalty on the layer's output, added to the loss."),
    "recurrent_regularizer": Rule("", "Penalty on the recurrent weights, added to the loss."),
    "depthwise_regularizer": Rule("", "Penalty on the per-channel weights."),
    "pointwise_regularizer": Rule("", "Penalty on the weights that mix channels."),
    "embeddings_regularizer": Rule("", "Penalty on the vectors, added to the loss."),
    "beta_regularizer": Rule("", "Penalty on the shift."),
    "gamma_regularizer": Rule("", "Penalty on the scale."),
    "alpha_regularizer": Rule("", "Penalty on the slopes."),
    "kernel_constraint": Rule("", "Limit put on the weights after each step."),
    "bias_constraint": Rule("", "Limit put on the bias after each step."),
    "recurrent_constraint": Rule("", "Limit put on the recurrent weights after each step."),
    "depthwise_constraint": Rule("", "Limit put on the per-channel weights."),
    "pointwise_constraint": Rule("", "Limit put on the weights that mix channels."),
    "embeddings_constraint": Rule("", "Limit put on the vectors."),
    "beta_constraint": Rule("", "Limit put on the shift."),
    "gamma_constraint": Rule("", "Limit put on the scale."),
    "alpha_constraint": Rule("", "Limit put on the slopes."),
    "lora_rank": Rule("integer >=1", "Train a low-rank change of this rank in place of weights."),
    "lora_alpha": Rule(POSITIVE, "Scale of the low-rank change, divided by its rank."),
    "rate": Rule(SHARE, "Share of the values to drop, from 0 to 1.", 0.2),
    "constraint.rate": Rule(SHARE, "1 enforces the limit at once, less moves towards it."),
    "layer.GaussianDropout.rate": Rule(
        SHARE, "As in Dropout; the noise has deviation sqrt(rate / (1 - rate)).", 0.2
    ),
    "layer.AlphaDropout.rate": Rule(SHARE, "As in Dropout.", 0.1),
    "layer.stddev": Rule(SHARE, "Standard deviation of the noise, at most 1.", 0.1),
    "layer.dropout": Rule(SHARE, "Share of the inputs to drop."),
    "recurrent_dropout": Rule(SHARE, "Share of the recurrent state to drop."),
    "layer.l1": Rule(NOT_NEGATIVE, "Weight of the sum of absolute outputs."),
    "layer.l2": Rule(NOT_NEGATIVE, "Weight of the sum of squared outputs."),
    "layer.alpha": Rule("number", ""),
    "layer.ELU.alpha": Rule("number", "Size of the negative limit."),
    "layer.AugMix.alpha": Rule(POSITIVE, "Shape of the random mixing weights."),
    "layer.MixUp.alpha": Rule(NOT_NEGATIVE, "Strength of the mixing; 0 mixes nothing."),
    "layer.negative_slope": Rule(NOT_NEGATIVE, "Slope for values below zero."),
    "layer.ReLU.max_value": Rule(NOT_NEGATIVE, "Largest output; null sets no limit."),
    "layer.ReLU.threshold": Rule(NOT_NEGATIVE, "Values below this count as negative."),
    "shared_axes": Rule("integer | list[integer] | null", "Axes along which one slope is shared."),
    "layer.Softmax.axis": Rule(
        "integer | list[integer]", "Axis or axes along which the outputs add up to 1."
    ),
    "layer.LayerNormalization.axis": Rule(
        "integer | list[integer]", "Axis or axes to normalize over."
    ),
    "layer.UnitNormalization.axis": Rule(
        "integer | list[integer]", "Axis or axes whose values get unit length."
    ),
    "layer.RMSNormalization.axis": Rule(
        "integer | list[integer]", "Axis or axes to normalize over."
    ),
    "layer.Normalization.axis": Rule(
        "integer | list[integer] | null", "Axes that keep a mean of their own; null shares one."
    ),
    "layer.BatchNormalization.axis": Rule("integer", "Axis to normalize; -1 is the features."),
    "layer.BatchNormalization.momentum": Rule(
        SHARE, "How much of the running mean and variance each batch leaves."
    ),
    "center": Rule(FLAG, "Learn a shift."),
    "layer.scale": Rule(FLAG, "Learn a scale."),
    "renorm": Rule(FLAG, "Use batch renormalization, which suits small batches."),
    "renorm_clipping": Rule("mapping | null", "Limits rmax, rmin and dmax of the correction."),
    "renorm_momentum": Rule(SHARE, "Momentum of the correction's running statistics."),
    "synchronized": Rule(FLAG, "Share batch statistics between devices."),
    "power_iterations": Rule("integer >=1", "Iterations of the norm estimate."),
    "layer.mean": Rule("number | list | null", "Mean to subtract, if known beforehand."),
    "layer.variance": Rule("number | list | null", "Variance to divide by, if known beforehand."),
    "layer.invert": Rule(FLAG, "Map back: from the layer's output to its input."),
    "layer.Rescaling.scale": Rule("number | list[number]", "Factor to multiply by.", 0.5),
    "layer.offset": Rule("number | list[number]", "Value to add after scaling."),
    "layer.layer": Rule("layer", "The layer to wrap.", {"Dense": {"units": 8}}),
    "layer.Bidirectional.layer": Rule(
        "layer", "The recurrent layer to run both ways.", {"LSTM": {"units": 8}}
    ),
    "layer.cell": Rule(
        "layer | list[layer]", "The cell to run step by step.", {"GRUCell": {"units": 8}}
    ),
    "layer.cells": Rule("list[layer]", "The cells, first to last.", [{"GRUCell": {"units": 8}}]),
    "layer.layers": Rule("list[layer]", "The layers, first to last.", [{"Rescaling": 0.5}]),
    "backward_layer": Rule("layer | null", "The layer for the way back; null copies `layer`."),
    "merge_mode": Rule(
        '"concat" | "sum" | "mul" | "ave" | null', "How the two directions are put together."
    ),
    "return_sequences": Rule(FLAG, "Give the output of every step, not of the last alone."),
    "return_state": Rule(FLAG, "Also give the last state as a further output."),
    "go_backwards": Rule(FLAG, "Read the sequence from its end."),
    "stateful": Rule(FLAG, "Carry the state from one batch to the next."),
    "unroll": Rule(FLAG, "Unroll the loop: faster for short sequences, more memory."),
    "unit_forget_bias": Rule(FLAG, "Start the forget gate's bias at 1."),
    "reset_after": Rule(FLAG, "Apply the reset gate after the matrix product, as cuDNN does."),
    "use_cudnn": Rule('"auto" | boolean', "Use cuDNN's implementation on an NVIDIA GPU."),
    "zero_output_for_mask": Rule(FLAG, "Give zeros for masked steps."),
    "equation": Rule("text", "Einsum of input and kernel.", "ab,bc->ac"),
    "output_shape": Rule("integer | list | null", "Shape of one output row."),
    "layer.EinsumDense.output_shape": Rule("integer | list", "Shape of one output row.", 8),
    "bias_axes": Rule("text | null", "Output letters that get a bias of their own."),
    # Layers: attention
    "num_heads": Rule("integer >=1", "Number of attention heads.", 4),
    "key_dim": Rule("integer >=1", "Size of each head's query and key.", 16),
    "value_dim": Rule("integer >=1", "Size of each head's value; null takes key_dim."),
    "head_dim": Rule("integer >=1", "Size of each attention head.", 16),
    "num_query_heads": Rule("integer >=1", "Number of query heads.", 4),
    "num_key_value_heads": Rule("integer >=1", "Key and value heads; divides the query heads.", 2),
    "attention_axes": Rule("integer | list[integer] | null", "Axes to attend over."),
    "sliding_window": Rule("integer >=1", "How far each position can look; null looks everywhere."),
    "flash_attention": Rule("boolean | null", "Use flash attention; null where possible."),
    "use_gate": Rule(FLAG, "Gate the output by the query."),
    "use_scale": Rule(FLAG, "Learn a scale for the scores."),
    "score_mode": Rule('"dot" | "concat"', "How query and key are compared."),
    # Layers: categories and text
    "num_tokens": Rule("integer >=1", "Number of distinct codes.", 10),
    "max_tokens": Rule("integer >=2", "Largest vocabulary, reserved places included."),
    "num_oov_indices": Rule("integer >=0", "Codes for what is not in the vocabulary."),
    "mask_token": Rule("text | null", "Input that counts as missing."),
    "layer.IntegerLookup.mask_token": Rule("integer | null", "Input that counts as missing."),
    "oov_token": Rule("text", "What stands for unknown values when mapping back."),
    "layer.IntegerLookup.oov_token": Rule("integer", "What stands for unknown values."),
    "vocabulary": Rule("list[text] | text | null", "Known values, or a file with one per line."),
    "layer.IntegerLookup.vocabulary": Rule(
        "list[integer] | text | null", "Known values, or a file with one per line."
    ),
    "vocabulary_dtype": Rule('"int64"', "Number type of the vocabulary."),
    "idf_weights": Rule("list[number] | null", "Inverse document frequencies, with tf_idf."),
    "layer.output_mode": Rule(VOCABULARY_MODE, "Codes, one-hot rows, or counts."),
    "layer.CategoryEncoding.output_mode": Rule(
        '"multi_hot" | "one_hot" | "count"', "One column per code, or how often it occurs."
    ),
    "layer.Discretization.output_mode": Rule(
        '"int" | "one_hot" | "multi_hot" | "count"', "Codes, one-hot rows, or counts."
    ),
    "layer.Hashing.output_mode": Rule(
        '"int" | "one_hot" | "multi_hot" | "count"', "Codes, one-hot rows, or counts."
    ),
    "layer.HashedCrossing.output_mode": Rule('"int" | "one_hot"', "Codes or one-hot rows."),
    "layer.TextVectorization.output_mode": Rule(
        '"int" | "multi_hot" | "count" | "tf_idf"', "Word codes, or one column per word."
    ),
    "pad_to_max_tokens": Rule(FLAG, "Give max_tokens columns even if fewer are known."),
    "sparse": Rule(FLAG, "Give a sparse tensor."),
    "ragged": Rule(FLAG, "Give a ragged tensor."),
    "oov_method": Rule('"floormod" | "farmhash"', "How unknown values share their codes."),
    "salt": Rule("integer | list[integer] | null", "Changes which values share a code."),
    "layer.mask_value": Rule("number", "Steps where every value is this are skipped."),
    "layer.Hashing.mask_value": Rule("integer | text | null", "Value that gets code 0."),
    "num_bins": Rule("integer >=1", "Number of bins.", 16),
    "layer.Discretization.num_bins": Rule("integer >=0", "Number of bins to find in the data."),
    "bin_boundaries": Rule("list[number] | null", "Edges of the bins, rising."),
    "layer.Discretization.epsilon": Rule("number >0 <1", "Error allowed in the quantiles."),
    "standardize": Rule(
        '"lower_and_strip_punctuation" | "lower" | "strip_punctuation" | null',
        "What to clean before splitting.",
    ),
    "split": Rule('"whitespace" | "character" | null', "Where to split the text."),
    "ngrams": Rule("integer | list[integer] | null", "Also make word groups of these sizes."),
    "output_sequence_length": Rule("integer >=1", "Cut or pad every row to this length."),
    "encoding": Rule("text", "Encoding of the text."),
    "tie_weights": Rule(FLAG, "Use the same matrix for both directions."),
    "reverse_dtype": Rule("text | null", "Number type of the way back."),
    "logit_soft_cap": Rule(POSITIVE, "Squash the logits softly to this size."),
    # Layers: images and sound
    "value_range": Rule("list[number]", "Smallest and largest value in the images."),
    "layer.factor": Rule(UNIT_FACTOR, "Strength, or a range to draw it from.", 0.2),
    "layer.RandomBrightness.factor": Rule(
        SIGNED_FACTOR, "Largest change, or a range; -1 is black, 1 is white.", 0.2
    ),
    "layer.RandomContrast.factor": Rule(UNIT_FACTOR, "Largest change, or a range.", 0.2),
    "layer.RandomPosterization.factor": Rule(
        "integer | list[integer] >=1 <=8", "Bits to keep in each channel.", 4
    ),
    "layer.RandomRotation.factor": Rule(
        SIGNED_FACTOR, "Largest turn, as a share of a circle.", 0.1
    ),
    "layer.RandomColorDegeneration.factor": Rule(SIGNED_FACTOR, "Strength, or a range.", 0.5),
    "layer.RandomSaturation.factor": Rule(SIGNED_FACTOR, "0.5 changes nothing; 0 is grey.", 0.5),
    "layer.RandomGrayscale.factor": Rule(SHARE, "Share of the images to turn grey."),
    "x_factor": Rule(UNIT_FACTOR, "Shear along the width."),
    "y_factor": Rule(UNIT_FACTOR, "Shear along the height."),
    "height_factor": Rule(
        SIGNED_FACTOR, "Vertical change as a share of the height, or a range.", 0.1
    ),
    "width_factor": Rule(
        SIGNED_FACTOR, "Horizontal change as a share of the width, or a range.", 0.1
    ),
    "layer.RandomZoom.height_factor": Rule("number | list[number] >-1 <=1"),
    "layer.RandomZoom.width_factor": Rule(
        "number | list[number] >-1 <=1 | null", "Horizontal zoom; null keeps the proportions."
    ),
    "brightness_factor": Rule(SIGNED_FACTOR, "Change of brightness; null for none."),
    "contrast_factor": Rule(UNIT_FACTOR, "Change of contrast; null for none."),
    "saturation_factor": Rule(SIGNED_FACTOR, "Change of saturation; null for none."),
    "hue_factor": Rule(UNIT_FACTOR, "Change of hue; null for none."),
    "addition_factor": Rule(UNIT_FACTOR, "Value added first, as a share of the value range."),
    "threshold_factor": Rule(UNIT_FACTOR, "Only values above this are inverted."),
    "layer.RandomErasing.scale": Rule(UNIT_FACTOR, "Size of the patch, or a range."),
    "layer.RandomElasticTransform.scale": Rule(UNIT_FACTOR, "Size of the distortion."),
    "layer.RandomPerspective.scale": Rule(SHARE, "Size of the tilt."),
    "layer.interpolation": Rule(TWO_INTERPOLATIONS, "How values between pixels are found."),
    "layer.Resizing.interpolation": Rule(INTERPOLATION, "How values between pixels are found."),
    "layer.UpSampling2D.interpolation": Rule(INTERPOLATION, "How values between pixels are found."),
    "layer.fill_mode": Rule(FILL_MODE, "How points outside the image are filled."),
    "layer.RandomElasticTransform.fill_mode": Rule(
        '"reflect" | "wrap" | "constant" | "nearest" | "mirror"',
        "How points outside the image are filled.",
    ),
    "layer.Resizing.fill_mode": Rule('"constant"', "How padding is filled."),
    "layer.fill_value": Rule("number", "Value used by the constant fill."),
    "layer.RandomErasing.fill_value": Rule(
        "number | list[number] | null", "Value of the patch; null draws noise."
    ),
    "layer.MaxNumBoundingBoxes.fill_value": Rule("integer", "Value of the added boxes."),
    "layer.RandomGaussianBlur.kernel_size": Rule(
        "integer | list[integer] >=1", "Size of the blur in pixels, an odd number."
    ),
    "sigma": Rule(UNIT_FACTOR, "Standard deviation of the blur, or a range."),
    "layer.RandomFlip.mode": Rule(
        '"horizontal_and_vertical" | "horizontal" | "vertical"', "Which ways to flip."
    ),
    "layer.STFTSpectrogram.mode": Rule(
        '"log" | "magnitude" | "psd" | "real" | "imag" | "angle" | "stft"',
        "What the spectrogram shows.",
    ),
    "max_number": Rule("integer >=1", "Number of boxes to give.", 10),
    "crop_to_aspect_ratio": Rule(FLAG, "Cut rather than distort."),
    "pad_to_aspect_ratio": Rule(FLAG, "Pad rather than distort."),
    "antialias": Rule(FLAG, "Smooth when shrinking."),
    "bins": Rule("integer >=1", "Number of histogram bins."),
    "clip_limit": Rule(POSITIVE, "Limit of the contrast gain."),
    "tile_grid_size": Rule("list[integer] >=1", "Rows and columns of tiles."),
    "num_chains": Rule("integer >=1", "Number of chains to mix."),
    "chain_depth": Rule("integer >=1", "Operations in each chain."),
    "num_ops": Rule("integer >=1", "Operations for each image."),
    "all_ops": Rule(FLAG, "Use every operation, brightness and colour included."),
    "fft_length": Rule("integer >=1", "Size of the Fourier transform."),
    "sequence_stride": Rule("integer >=1", "Samples between two columns."),
    "sequence_length": Rule("integer >=1", "Samples in one window."),
    "frame_length": Rule("integer >=1", "Samples in one window."),
    "frame_step": Rule("integer >=1", "Samples between two windows."),
    "window": Rule('"hann" | "hamming" | list[number] | null', "Shape of the window."),
    "layer.STFTSpectrogram.window": Rule("text | list[number] | null", "Shape of the window."),
    "initializer.window": Rule("text | list[number] | null", "Shape of the window."),
    "sampling_rate": Rule("integer >=1", "Samples for each second."),
    "num_mel_bins": Rule("integer >=1", "Number of mel bands."),
    "min_freq": Rule(NOT_NEGATIVE, "Lowest frequency."),
    "max_freq": Rule(POSITIVE, "Highest frequency; null is half the sampling rate."),
    "power_to_db": Rule(FLAG, "Give decibels."),
    "top_db": Rule("number | null", "Range below the loudest value."),
    "mag_exp": Rule("number", "Exponent of the magnitude: 1 magnitude, 2 power."),
    "min_power": Rule(POSITIVE, "Smallest power."),
    "ref_power": Rule(POSITIVE, "Power that is 0 decibels."),
    "periodic": Rule(FLAG, "Treat the window as periodic."),
    "scaling": Rule('"density" | "spectrum" | null', "How the window is scaled."),
    "expand_dims": Rule(FLAG, "Add a channel, for image layers."),
    # Losses
    "reduction": Rule(
        '"sum_over_batch_size" | "sum" | "mean" | "mean_with_sample_weight" | "none" | null',
        "How the rows' losses become one number.",
    ),
    "from_logits": Rule(FLAG, "The predictions are raw scores, without sigmoid or softmax."),
    "label_smoothing": Rule(SHARE, "How far to soften hard 0/1 targets."),
    "loss.Dice.axis": Rule("integer | list[integer] | null", "Axes to sum over; null is all."),
    "loss.Tversky.axis": Rule("integer | list[integer] | null", "Axes to sum over; null is all."),
    "loss.BinaryFocalCrossentropy.alpha": Rule(SHARE, "Weight of class 1; class 0 gets the rest."),
    "loss.CategoricalFocalCrossentropy.alpha": Rule(
        "number | list[number]", "Weight of each class."
    ),
    "loss.Tversky.alpha": Rule("number", "Weight of false positives."),
    "loss.Tversky.beta": Rule("number", "Weight of false negatives."),
    "loss.gamma": Rule(NOT_NEGATIVE, "How strongly easy rows are discounted."),
    "loss.Circle.gamma": Rule("number", "Scale of the similarities."),
    "loss.margin": Rule("number", "Relaxation of the similarity limits."),
    "remove_diagonal": Rule(FLAG, "Leave out each row's similarity to itself."),
    "apply_class_balancing": Rule(FLAG, "Weight the two classes by alpha."),
    "delta": Rule("number", "Error at which squares turn into absolute values."),
    "q": Rule("number >0 <1", "Towards 0 cross-entropy, towards 1 absolute error."),
    "ignore_class": Rule("integer | null", "Class that does not count."),
    # Metrics
    "thresholds": Rule(
        "number | list[number] >=0 <=1 | null", "Probability from which a row counts as positive."
    ),
    "metric.AUC.thresholds": Rule("list[number] >=0 <=1 | null", "Points of the curve."),
    "metric.threshold": Rule("number", "Probability from which a row counts as positive."),
    "metric.F1Score.threshold": Rule(
        "number >0 <=1 | null", "Limit for a positive; null takes the largest output."
    ),
    "metric.FBetaScore.threshold": Rule(
        "number >0 <=1 | null", "Limit for a positive; null takes the largest output."
    ),
    "num_thresholds": Rule("integer >=1", "Number of points on the curve."),
    "metric.AUC.num_thresholds": Rule("integer >=2", "Number of points on the curve."),
    "curve": Rule('"ROC" | "PR" | "PRGAIN"', "Which curve to take the area of."),
    "summation_method": Rule(
        '"interpolation" | "minoring" | "majoring"', "How the area is summed up."
    ),
    "multi_label": Rule(FLAG, "One area for each label, then their mean."),
    "num_labels": Rule("integer >=1", "Number of labels."),
    "label_weights": Rule("list[number] >=0 | null", "Weight of each label."),
    "top_k": Rule("integer >=1", "Count only the k largest outputs as positive."),
    "class_id": Rule("integer >=0", "Score this class alone."),
    "k": Rule("integer >=1", "How many of the largest outputs may hold the answer."),
    "from_sorted_ids": Rule(FLAG, "The predictions are class numbers, best first."),
    "recall": Rule(SHARE, "Recall to hold.", 0.9),
    "precision": Rule(SHARE, "Precision to hold.", 0.9),
    "sensitivity": Rule(SHARE, "Sensitivity to hold.", 0.9),
    "specificity": Rule(SHARE, "Specificity to hold.", 0.9),
    "average": Rule('"micro" | "macro" | "weighted" | null', "How the classes are averaged."),
    "metric.beta": Rule(POSITIVE, "Weight of recall against precision."),
    "class_aggregation": Rule(
        '"uniform_average" | "variance_weighted_average" | null',
        "How several targets are averaged.",
    ),
    "num_regressors": Rule("integer >=0", "Number of inputs, for adjusted R2; 0 is plain R2."),
    "num_classes": Rule("integer >=1", "Number of classes.", 3),
    "target_class_ids": Rule("list[integer] >=0", "Classes to score.", [0, 1]),
    "sparse_y_true": Rule(FLAG, "The targets are class numbers."),
    "sparse_y_pred": Rule(FLAG, "The predictions are class numbers."),
    "metric.ConcordanceCorrelation.axis": Rule(
        "integer | list[integer]", "Axis or axes to correlate along."
    ),
    "metric.PearsonCorrelation.axis": Rule(
        "integer | list[integer]", "Axis or axes to correlate along."
    ),
    # Optimizers
    "learning_rate": Rule("number | schedule >0", "Step size, or a schedule for it."),
    "momentum": Rule(SHARE, "How much of the last step is kept."),
    "nesterov": Rule(FLAG, "Look ahead along the momentum."),
    "beta_1": Rule("number >=0 <1", "Decay of the running mean of gradients."),
    "beta_2": Rule("number >=0 <1", "Decay of the running mean of squared gradients."),
    "optimizer.Lion.beta_1": Rule("number >0 <=1", "Share of the old mean in each step."),
    "adam_beta_1": Rule("number >=0 <1", "beta_1 of the Adam part."),
    "adam_beta_2": Rule("number >=0 <1", "beta_2 of the Adam part."),
    "adam_weight_decay": Rule(NOT_NEGATIVE, "Weight decay of the Adam part."),
    "adam_lr_ratio": Rule(POSITIVE, "Learning rate of the Adam part over that of the rest."),
    "beta_2_decay": Rule("number", "How the decay of squared gradients changes with the steps."),
    "amsgrad": Rule(FLAG, "Use the AMSGrad variant."),
    "rho": Rule(SHARE, "Decay of the running mean of squared gradients."),
    "centered": Rule(FLAG, "Divide by the estimated variance of the gradient."),
    "weight_decay": Rule("number >=0 | null", "Share of each weight removed at every step."),
    "optimizer.AdamW.weight_decay": Rule(NOT_NEGATIVE),
    "optimizer.GroupedAdamW.weight_decay": Rule(NOT_NEGATIVE),
    "learning_rate_factors": Rule(
        "mapping[number] | null >=0",
        "Patterns of weight paths, such as 'bias' or 'trunk/*', to factors of the rate.",
    ),
    "weight_decay_on": Rule("list[text]", "Patterns of the paths of weights that decay."),
    "clipnorm": Rule(NOT_NEGATIVE, "Largest norm of each weight's gradient."),
    "clipvalue": Rule(NOT_NEGATIVE, "Largest value in each gradient."),
    "global_clipnorm": Rule(NOT_NEGATIVE, "Largest norm of all gradients together."),
    "use_ema": Rule(FLAG, "Keep a running average of the weights."),
    "ema_momentum": Rule(SHARE, "How slowly that average moves."),
    "ema_overwrite_frequency": Rule("integer >=1", "Steps between copying the average back."),
    "loss_scale_factor": Rule(POSITIVE, "Scale the loss by this, against underflow."),
    "gradient_accumulation_steps": Rule("integer >=2", "Batches to average before each step."),
    "initial_accumulator_value": Rule(NOT_NEGATIVE, "Start of the accumulators."),
    "clip_threshold": Rule(POSITIVE, "Largest update."),
    "relative_step": Rule(FLAG, "Shrink the learning rate with the number of steps."),
    "epsilon_1": Rule(NOT_NEGATIVE, "Keeps the denominator away from zero."),
    "epsilon_2": Rule(NOT_NEGATIVE, "Keeps the learning rate from vanishing."),
    "learning_rate_power": Rule("number <=0", "How fast the learning rate falls; 0 keeps it."),
    "l1_regularization_strength": Rule(NOT_NEGATIVE, "Penalty on absolute weights."),
    "l2_regularization_strength": Rule(NOT_NEGATIVE, "Penalty on squared weights."),
    "l2_shrinkage_regularization_strength": Rule(NOT_NEGATIVE, "Penalty on active weights only."),
    "optimizer.Ftrl.beta": Rule("number", "The beta of the FTRL paper."),
    "inner_optimizer": Rule("optimizer", "The optimizer to wrap.", "Adam"),
    "initial_scale": Rule(POSITIVE, "First loss scale."),
    "dynamic_growth_steps": Rule("integer >=1", "Good steps before the scale doubles."),
    "exclude_layers": Rule("list[text] | null", "Layer names that use Adam."),
    "exclude_embeddings": Rule(FLAG, "Embeddings use Adam."),
    "muon_a": Rule("number", "First Newton-Schulz coefficient."),
    "muon_b": Rule("number", "Second Newton-Schulz coefficient."),
    "muon_c": Rule("number", "Third Newton-Schulz coefficient."),
    "ns_steps": Rule("integer >=1", "Newton-Schulz iterations."),
    "rms_rate": Rule("number >0 | null", "Matches the update size to Adam's; null does not."),
    "optimizer.warmup_steps": Rule(
        "steps >=0", "Steps, or '5 epochs', in which the rate rises from 0."
    ),
    # Initializers
    "initializer.Constant.value": Rule(
        "number | boolean | list", "Value of all weights, or a list with each one's own."
    ),
    # Schedules
    "initial_learning_rate": Rule(NOT_NEGATIVE, "Learning rate at the first step.", 0.001),
    "end_learning_rate": Rule(NOT_NEGATIVE, "Learning rate at the end."),
    "decay_steps": Rule(
        "steps >0", "Steps (batches) that the decay takes, or epochs as in '10 epochs'.", 1000
    ),
    "first_decay_steps": Rule(
        "steps >0", "Steps (batches) of the first cycle, or epochs as in '10 epochs'.", 1000
    ),
    "decay_rate": Rule("number", "Factor of the decay.", 0.9),
    "schedule.alpha": Rule(NOT_NEGATIVE, "Lowest learning rate, as a share of the first."),
    "schedule.warmup": Rule(SHARE, "Share of decay_steps in which the rate rises from 0."),
    "schedule.flat": Rule(SHARE, "Share of decay_steps in which the rate stays as it is."),
    "cycles": Rule("integer >=1", "How often the rate rises and falls."),
    "warmup_target": Rule(POSITIVE, "Learning rate to rise to first; null skips that."),
    "schedule.warmup_steps": Rule("steps >=0", "Steps, or '5 epochs', in which the rate rises."),
    "t_mul": Rule(POSITIVE, "How much longer each cycle is than the last."),
    "m_mul": Rule(POSITIVE, "How each cycle's first rate compares to the last one's."),
    "staircase": Rule(FLAG, "Change once every decay_steps, not at every step."),
    "boundaries": Rule(
        "list[steps]", "Steps, or '10 epochs', after which the rate changes, rising.", [1000, 2000]
    ),
    "schedule.values": Rule(
        "list[number]", "Rates between the boundaries, one more than those.", [0.01, 0.001, 0.0001]
    ),
    "power": Rule("number", "Power of the polynomial; 1 is a straight line."),
    "cycle": Rule(FLAG, "Start again after decay_steps."),
    # Callbacks
    "monitor": Rule("text", "Quantity to watch, such as val_loss or val_mae."),
    "min_delta": Rule("number", "Smallest change that counts as better."),
    "patience": Rule("integer >=0", "Epochs without improvement to wait for.", 20),
    "callback.mode": Rule(BETTER, "Whether smaller or larger is better; auto goes by the name."),
    "baseline": Rule("number | null", "Value that has to be beaten."),
    "restore_best_weights": Rule(FLAG, "Go back to the weights of the best epoch."),
    "start_from_epoch": Rule("integer >=0", "Epochs before watching starts."),
    "callback.factor": Rule("number >0 <1", "Factor by which the learning rate shrinks."),
    "cooldown": Rule("integer >=0", "Epochs to wait after a change."),
    "min_lr": Rule(NOT_NEGATIVE, "Smallest learning rate."),
    "filepath": Rule("text", "File to write; may hold {epoch} and {val_loss}.", "best.keras"),
    "filename": Rule("text", "File to write.", "log.csv"),
    "backup_dir": Rule("text", "Folder of the backup.", "backup"),
    "log_dir": Rule("text", "Folder of the logs."),
    "separator": Rule("text", "Text between two columns."),
    "append": Rule(FLAG, "Add to an existing file."),
    "save_best_only": Rule(FLAG, "Write only when the watched quantity improved."),
    "save_weights_only": Rule(FLAG, "Write the weights without the model."),
    "save_freq": Rule('"epoch" | integer >=1', "Every epoch, or every so many batches."),
    "callback.BackupAndRestore.save_freq": Rule(
        '"epoch" | integer | boolean >=0', "Every epoch, every so many batches, or false."
    ),
    "initial_value_threshold": Rule("number | null", "Value that has to be beaten first."),
    "double_checkpoint": Rule(FLAG, "Keep the last two backups."),
    "delete_checkpoint": Rule(FLAG, "Delete the backup when training ends."),
    "histogram_freq": Rule("integer >=0", "Epochs between weight histograms; 0 for none."),
    "write_graph": Rule(FLAG, "Record the network's graph."),
    "write_images": Rule(FLAG, "Record weights as images."),
    "write_steps_per_second": Rule(FLAG, "Record the speed."),
    "update_freq": Rule('"epoch" | "batch" | integer >=1', "How often losses are recorded."),
    "profile_batch": Rule("integer | list[integer] >=0", "Batches to profile; 0 for none."),
    "embeddings_freq": Rule("integer >=0", "Epochs between embedding records; 0 for none."),
    "embeddings_metadata": Rule("text | mapping | null", "Files that describe the embeddings."),
    "swap_on_epoch": Rule(FLAG, "Swap at every epoch's start and end."),
    "raise_error": Rule(FLAG, "Fail at once rather than stop quietly."),
    # Initializers, regularizers, constraints
    "value": Rule("number | boolean", "The value."),
    "gain": Rule("number", "Factor to multiply by."),
    "initializer.mean": Rule("number", "Mean of the values."),
    "initializer.stddev": Rule(NOT_NEGATIVE, "Standard deviation of the values."),
    "minval": Rule("number", "Smallest value."),
    "maxval": Rule("number", "Largest value."),
    "initializer.scale": Rule(POSITIVE, "Factor of the variance."),
    "initializer.mode": Rule('"fan_in" | "fan_out" | "fan_avg"', "What the variance divides by."),
    "distribution": Rule(
        '"truncated_normal" | "untruncated_normal" | "uniform"', "Distribution to draw from."
    ),
    "input_axes": Rule("list[integer] | null", "Axes that count as inputs."),
    "output_axes": Rule("list[integer] | null", "Axes that count as outputs."),
    "side": Rule('"real" | "imag"', "Which side of the transform."),
    "regularizer.l1": Rule(NOT_NEGATIVE, "Weight of the sum of absolute values."),
    "regularizer.l2": Rule(NOT_NEGATIVE, "Weight of the sum of squares."),
    "regularizer.factor": Rule(NOT_NEGATIVE, "Weight of the penalty."),
    "regularizer.mode": Rule('"rows" | "columns"', "What is to be orthogonal."),
    "constraint.max_value": Rule(NOT_NEGATIVE, "Largest norm."),
    "constraint.min_value": Rule(NOT_NEGATIVE, "Smallest norm."),
    "constraint.axis": Rule("integer | list[integer]", "Axis along which norms are taken."),
}

# Arguments that Keras sets for itself, or that only another program can give.
LEFT_OUT = {"gptq_unpacked_column_size", "quantization_config", "input_tensor"}

# Layers that do not pass every common argument on.
REJECTED = {
    ("ActivityRegularization", "activity_regularizer"),
    ("IntegerLookup", "activity_regularizer"),
    ("StringLookup", "activity_regularizer"),
}

# Arguments with a default that Keras then turns down.
NEEDED = {("CategoryEncoding", "num_tokens")}
