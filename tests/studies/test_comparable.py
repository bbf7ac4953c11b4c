"""Which methods the page offers beside its own."""

from itaclip_mmseg.studies.comparable import comparable_methods


def test_methods_have_their_papers_names():
    """The config's own comes first and changes nothing; one whose second network is absent is left out."""
    methods = comparable_methods('configs/itaclip/itaclip_tiny_scenes.py')
    assert next(iter(methods.items())) == ('ITACLIP', {})
    assert {'CLIP', 'MaskCLIP', 'SCLIP', 'ClearCLIP', 'NACLIP', 'SC-CLIP', 'SFP'} <= methods.keys()
    assert all(changes for name, changes in methods.items() if name != 'ITACLIP')
    again = comparable_methods('configs/naclip/naclip_vit-b-16_voc21.py')
    assert again['NACLIP'] == {} and 'ITACLIP' not in again
