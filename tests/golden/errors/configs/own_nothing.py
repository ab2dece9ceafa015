import keras


class Doubled(keras.layers.Layer):
    pass
