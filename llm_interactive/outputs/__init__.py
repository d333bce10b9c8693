"""What a model fills: one file for each kind of control tag, the schema they make together, and replies read back."""
