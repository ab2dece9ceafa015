"""The table of Keras layers that are written as ONNX directly, without a converter."""
