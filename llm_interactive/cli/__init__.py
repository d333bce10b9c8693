"""The command `llm-interactive`."""
