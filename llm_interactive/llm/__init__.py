"""The provider: one pooled client, its errors, and many calls at once."""
