"""The Flask app that Label Studio talks to."""
