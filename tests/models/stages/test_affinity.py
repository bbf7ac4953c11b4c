"""Attention that many layers agree on."""

import torch

from itaclip_mmseg.models.stages.affinity import voted_attention


def test_attention_needs_the_votes_of_enough_layers():
    """The mean of some layers where enough of all agree, else 0."""
    attention = torch.tensor([[[0.9, 0.1], [0.8, 0.2]], [[0.7, 0.3], [0.1, 0.9]], [[0.6, 0.4], [0.2, 0.8]]])
    assert torch.allclose(voted_attention(attention, (1, 3), 3), torch.tensor([[0.75, 0], [0, 0]]))
    assert torch.allclose(voted_attention(attention, (1, 3), 2), torch.tensor([[0.75, 0], [0, 0.5]]))
