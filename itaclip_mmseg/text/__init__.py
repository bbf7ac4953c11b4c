"""Text banks and their embeddings."""
