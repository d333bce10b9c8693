"""The command `llm-interactive`: one module a subcommand."""
