"""What keys of other programs are called here."""

from dlcli.spec.problems import KeyPath

RENAMED: dict[KeyPath, str] = {
    ("random_state",): "seed",
    ("num_epochs",): "epochs",
    ("data", "file"): "source",
    ("data", "path"): "source",
    ("data", "labels"): "target",
    ("data", "label"): "target",
    ("data", "features"): "inputs",
    ("data", "split", "test_size"): "test",
    ("data", "split", "validation_size"): "validation",
    ("data", "split", "random_state"): "seed",
}
"""Keys of other programs that mean the same here, and what they are called; nothing else moves."""
