"""Networks: CLIP's towers, other vision transformers, their weights, and the last blocks of CLIP."""
