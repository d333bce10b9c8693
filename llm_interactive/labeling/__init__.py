"""Labeling config and task data, read."""
