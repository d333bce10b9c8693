"""Which prompt applies, and the messages it makes."""
