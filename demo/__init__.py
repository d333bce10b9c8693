"""One command that shows the whole product: a small LLM, Label Studio and this backend, all on loopback."""
