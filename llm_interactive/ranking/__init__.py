"""People rank replies of several models: candidates, their ranking, and what it says of the models."""
