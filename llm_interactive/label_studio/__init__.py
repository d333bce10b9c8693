"""Label Studio's API: read projects, tasks and annotations, write predictions and tabs."""
