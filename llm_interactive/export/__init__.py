"""Annotations as data to fine-tune models with."""
