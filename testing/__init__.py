"""Parts that tests, docs and benchmarks share: servers on loopback that stand in for the real ones."""
