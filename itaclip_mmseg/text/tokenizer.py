"""CLIP's byte-pair tokenizer."""

import functools

import open_clip


@functools.cache
def tokenizer() -> open_clip.SimpleTokenizer:
    """CLIP's tokenizer, which ignores case and repeated spaces; reading its vocabulary takes longer than a sentence."""
    return open_clip.SimpleTokenizer()
