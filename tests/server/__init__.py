"""The Flask app against a chat-completions server on loopback; some tests under real gunicorn."""
