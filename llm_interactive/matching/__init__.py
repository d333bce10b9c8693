"""Reply → the choices that it names."""

from llm_interactive.matching.choices import match_choices

__all__ = ["match_choices"]
