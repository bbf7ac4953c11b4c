import torch

from itaclip_mmseg.models import MixedSizeDataPreProcessor


def test_images_of_different_sizes():
    """BGR bytes in, normalised RGB out; a list where the sizes differ, which MMSegmentation refuses."""
    preprocess = MixedSizeDataPreProcessor(mean=[1.0, 2.0, 3.0], std=[2.0, 2.0, 2.0], bgr_to_rgb=True)
    small, large = torch.full((3, 2, 2), 5, dtype=torch.uint8), torch.full((3, 2, 4), 5, dtype=torch.uint8)
    small[0] = 9  # blue
    mixed = preprocess(dict(inputs=[small, large], data_samples=['a', 'b']))
    assert [image.shape for image in mixed['inputs']] == [(3, 2, 2), (3, 2, 4)]
    assert mixed['inputs'][0][:, 0, 0].tolist() == [2.0, 1.5, 3.0] and mixed['data_samples'] == ['a', 'b']
    assert preprocess(dict(inputs=[small, small]))['inputs'].shape == (2, 3, 2, 2)
