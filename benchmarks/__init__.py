"""The backend's figures as ratios from one run, against a model on loopback: `python -m benchmarks`."""
