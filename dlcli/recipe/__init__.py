"""From a data file to a config that fits it: what `dlcli init` writes."""
