"""What a network is measured against: simpler models of the same training rows."""
