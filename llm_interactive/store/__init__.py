"""What survives a restart: prompts, projects' parameters, paid replies."""
