"""python -m dlcli."""

from dlcli.cli import run

if __name__ == "__main__":
    run()
