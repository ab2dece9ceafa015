"""The table of Keras layers: the shape that each one gives for the shapes it takes.

A layer that is not in it gives an unknown shape, and nothing after it is judged.
"""

from dlcli.spec.shapes import dense, merging, recurrent, reshaping, windows
from dlcli.spec.shapes.shape import Rule

_SAME = (
    *("Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU", "GaussianDropout"),
    *("GaussianNoise", "Identity", "LeakyReLU", "Masking", "ReLU", "Rescaling"),
)
_ALONG_AXIS = (
    *("BatchNormalization", "LayerNormalization", "RMSNormalization", "Softmax"),
    "UnitNormalization",
)
_ELEMENTWISE = ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
# Random changes to images, active while training.
_IMAGES = (
    *("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization"),
    *("MixUp", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter"),
    *("RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip"),
    *("RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective"),
    *("RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness"),
    *("RandomShear", "RandomTranslation", "RandomZoom", "Solarization"),
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME, dense.same),
    **dict.fromkeys(_ALONG_AXIS, dense.along_axis),
    **dict.fromkeys(_ELEMENTWISE, merging.elementwise),
    **dict.fromkeys(_IMAGES, windows.of_rank(2)),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), recurrent.recurrent),
    **{f"SpatialDropout{rank}D": windows.of_rank(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}D": windows.convolution(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": windows.transposed(rank) for rank in (1, 2, 3)},
    **{f"SeparableConv{rank}D": windows.convolution(rank) for rank in (1, 2)},
    **{f"DepthwiseConv{rank}D": windows.depthwise(rank) for rank in (1, 2)},
    **{f"ConvLSTM{rank}D": recurrent.conv_lstm(rank) for rank in (1, 2, 3)},
    **{f"{kind}Pooling{rank}D": windows.pooling(rank) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Adaptive{kind}Pooling{rank}D": windows.adaptive_pooling(rank) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": windows.global_pooling(rank) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": reshaping.cropping(rank) for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": reshaping.zero_padding(rank) for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": reshaping.up_sampling(rank) for rank in (1, 2, 3)},
    "AdditiveAttention": merging.attention,
    "Attention": merging.attention,
    "Bidirectional": recurrent.bidirectional,
    "CategoryEmbedding": dense.category_embedding,
    "CategoryEncoding": dense.category_encoding,
    "CenterCrop": reshaping.resizing,
    "Concatenate": merging.concatenate,
    "Dense": dense.dense,
    "Dot": merging.dot,
    "EinsumDense": dense.einsum_dense,
    "Embedding": dense.embedding,
    "EnsembleDense": dense.ensemble_dense,
    "FeatureScale": dense.feature_scale,
    "Flatten": reshaping.flatten,
    "GroupNormalization": dense.group_normalization,
    "GroupQueryAttention": merging.group_query_attention,
    "MultiHeadAttention": merging.multi_head_attention,
    "PReLU": dense.prelu,
    "PeriodicEmbedding": dense.number_embedding("frequencies", per_code=2),
    "Permute": reshaping.permute,
    "PiecewiseLinearEncoding": dense.number_embedding("bins"),
    "RNN": recurrent.rnn,
    "RandomCrop": reshaping.resizing,
    "RepeatVector": reshaping.repeat_vector,
    "Reshape": reshaping.reshape,
    "Resizing": reshaping.resizing,
    "ReversibleEmbedding": dense.embedding,
    "SpectralNormalization": recurrent.wrapping,
    "TimeDistributed": recurrent.time_distributed,
}  # fmt: skip
