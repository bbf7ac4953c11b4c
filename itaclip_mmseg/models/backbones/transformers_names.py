"""Rename CLIP's parameters from Hugging Face transformers' names to open_clip's."""

import re

import torch
from torch import Tensor

RENAMED = (  # in this order
    (r'^vision_model\.', 'visual.'),
    (r'^text_model\.', ''),
    (r'embeddings\.class_embedding$', 'class_embedding'),
    (r'embeddings\.patch_embedding\.', 'conv1.'),
    (r'embeddings\.position_embedding\.weight$', 'positional_embedding'),
    (r'embeddings\.token_embedding\.', 'token_embedding.'),
    (r'pre_layrnorm', 'ln_pre'),  # spelt like this
    (r'post_layernorm', 'ln_post'),
    (r'final_layer_norm', 'ln_final'),
    (r'encoder\.layers\.', 'transformer.resblocks.'),
    (r'layer_norm([12])', r'ln_\1'),
    (r'self_attn\.out_proj', 'attn.out_proj'),
    (r'mlp\.fc1', 'mlp.c_fc'),
    (r'mlp\.fc2', 'mlp.c_proj'),
)
TRANSPOSED = {'visual_projection.weight': 'visual.proj', 'text_projection.weight': 'text_projection'}
QUERIES, ATTENTION = '.self_attn.q_proj.', '.self_attn.'


def is_transformers(state: dict[str, Tensor]) -> bool:
    """Whether these are transformers' names of a complete CLIP."""
    return 'visual_projection.weight' in state


def from_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename parameters to open_clip's names, with queries, keys and values stacked and projections transposed."""
    result = {}
    for name, value in state.items():
        if name.endswith('position_ids') or re.search(r'self_attn\.[kv]_proj', name):
            continue  # not a parameter, or stacked with the queries
        if name in TRANSPOSED:
            result[TRANSPOSED[name]] = value.mT
        elif QUERIES in name:
            parts = [state[name.replace(QUERIES, f'{ATTENTION}{letter}_proj.')] for letter in 'qkv']
            result[renamed(name.replace(QUERIES, '.attn.in_proj_'))] = torch.cat(parts)
        else:
            result[renamed(name)] = value
    return result


def renamed(name: str) -> str:
    """Rename one parameter whose value does not change."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name
