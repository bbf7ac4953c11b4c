"""Rename GroupViT's parameters from NVlabs' names to those of transformers' `GroupViTModel`."""

import re

from itaclip_mmseg.models.backbones.checkpoint import StateDict

BLOCK = r'(\.layers\.\d+)'  # of either tower, after its first names are replaced
# Pattern and replacement, applied one after the other.
RULES = (
    (r'^img_encoder\.pos_embed$', 'vision_model.embeddings.position_embeddings'),
    (r'^img_encoder\.patch_embed\.proj\.', 'vision_model.embeddings.patch_embeddings.projection.'),
    (r'^img_encoder\.patch_embed\.norm\.', 'vision_model.embeddings.layernorm.'),
    (r'^img_encoder\.norm\.', 'vision_model.layernorm.'),
    (r'^img_encoder\.layers\.', 'vision_model.encoder.stages.'),
    (r'\.blocks\.', '.layers.'),
    (r'\.pre_assign_attn\.attn\.proj\.', '.pre_assign_attn.attn.out_proj.'),
    (r'^text_encoder\.token_embedding\.', 'text_model.embeddings.token_embedding.'),
    (r'^text_encoder\.positional_embedding$', 'text_model.embeddings.position_embedding.weight'),
    (r'^text_encoder\.transformer\.resblocks\.', 'text_model.encoder.layers.'),
    (r'^text_encoder\.ln_final\.', 'text_model.final_layer_norm.'),
    (BLOCK + r'\.(?:norm|ln_)([12])\.', r'\1.layer_norm\2.'),
    (BLOCK + r'\.attn\.(?:out_)?proj\.', r'\1.self_attn.out_proj.'),
    (BLOCK + r'\.attn\.(?:qkv\.|in_proj_)', r'\1.self_attn.qkv.'),
    (BLOCK + r'\.mlp\.c_fc\.', r'\1.mlp.fc1.'),
    (BLOCK + r'\.mlp\.c_proj\.', r'\1.mlp.fc2.'),
    (r'^img_projector\.', 'visual_projection.'),
    (r'^text_projector\.', 'text_projection.'),
    (r'_projection\.linear_hidden\.', '_projection.'),
    (r'_projection\.linear_out\.', '_projection.3.'),
)
UNUSED = ('multi_label_logit_scale', 'text_model.embeddings.position_ids')  # used by a loss; a constant of old releases


def transformers_names(state: StateDict) -> StateDict:
    """Return the parameters with transformers' names, from either naming."""
    renamed = {}
    for name, value in state.items():
        for pattern, replacement in RULES:
            name = re.sub(pattern, replacement, name)
        if '.self_attn.qkv.' in name:
            for letter, part in zip('qkv', value.chunk(3)):
                renamed[name.replace('.qkv.', f'.{letter}_proj.')] = part
        elif '_projection.' in name and value.ndim == 3:  # a convolution of length 1
            renamed[name] = value.squeeze(-1)
        elif name not in UNUSED:
            renamed[name] = value
    return renamed
