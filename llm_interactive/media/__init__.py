"""Files of tasks: fetched from where the operator allows, normalised, and brought to the model as images or text."""
