"""Attention that many layers agree on."""

from types import SimpleNamespace

import torch

from itaclip_mmseg.models.stages.affinity import patch_attention, transitions, voted_attention, votes


def test_attention_needs_the_votes_of_enough_layers():
    """The mean of some layers where enough of all agree, else 0."""
    attention = torch.tensor([[[0.9, 0.1], [0.8, 0.2]], [[0.7, 0.3], [0.1, 0.9]], [[0.6, 0.4], [0.2, 0.8]]])
    assert torch.allclose(voted_attention(attention, (1, 3), 3), torch.tensor([[0.75, 0], [0, 0]]))
    assert torch.allclose(voted_attention(attention, (1, 3), 2), torch.tensor([[0.75, 0], [0, 0.5]]))


def test_a_patch_with_average_attention_does_not_vote():
    """Nor one of a layer in which all attend to all alike."""
    assert not votes(torch.full((3, 2, 2), 0.25)).any()
    assert votes(torch.tensor([[[0.5, 0.25], [0.0, 0.25]]])).tolist() == [[1, 0], [0, 0]]


def test_attention_of_patches_is_the_mean_of_the_heads():
    """Of the chosen blocks, in their order, without CLS on either side."""
    qkv = torch.randn(3, 3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))  # blocks, q k v, image, heads
    found = patch_attention(SimpleNamespace(qkv=dict(enumerate(qkv, start=1))), (3, 1))
    for attention, (query, key, _) in zip(found, qkv[[2, 0]], strict=True):
        expected = (query[0] @ key[0].mT / 4**0.5).softmax(dim=-1).mean(dim=0)
        torch.testing.assert_close(attention, expected[1:, 1:])


def test_transitions_by_plain_loops():
    """Columns, then rows are divided by their sums, three times; the symmetric mean is squared."""
    attention = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(0))
    matrix = (attention[0] + attention[1]) / 2
    for _ in range(3):
        for axis in (0, 1):
            matrix = torch.stack([one / one.sum() for one in matrix.unbind(1 - axis)], dim=1 - axis)
    matrix = (matrix + matrix.T) / 2
    torch.testing.assert_close(transitions(attention), matrix @ matrix)
