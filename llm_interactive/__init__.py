"""A Label Studio ML backend that asks chat LLMs: labeling config → prompt → reply → regions."""

__version__ = "0.2.0"
