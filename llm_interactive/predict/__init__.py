"""Task → prediction: interactive requests and batches."""
