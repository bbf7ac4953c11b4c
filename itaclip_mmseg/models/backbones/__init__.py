"""Networks: CLIP's towers, other vision transformers, their weights, and how CLIP's last block attends."""
