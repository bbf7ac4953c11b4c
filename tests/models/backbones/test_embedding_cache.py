"""A file of embeddings counts for its own key, and as the numbers that were written."""

import json

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from itaclip_mmseg.models.backbones.embedding_cache import EmbeddingCache


def test_another_type_or_key_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    cache, values = EmbeddingCache('key'), dict(cat=torch.tensor([0.6, 0.8]))
    cache.add(values)
    assert torch.equal(cache.read()['cat'], values['cat'])
    other = EmbeddingCache('other')
    other.path.write_bytes(cache.path.read_bytes())
    assert other.read() == {}
    with safe_open(cache.path, 'pt') as file:
        header, found = file.metadata(), file.get_tensor('embeddings')
    assert json.loads(header['texts']) == ['cat']
    save_file(dict(embeddings=found.view(torch.int32)), cache.path, metadata=header)
    assert cache.read() == {}
