"""Which methods the page offers beside its own, and what the others need."""

import pytest

from itaclip_mmseg.models.backbones import weights
from itaclip_mmseg.studies.comparable import comparable_methods, method_name
from itaclip_mmseg.utils.resources import ROOT

OWN_SEGMENTORS = {
    'CASS',
    'CaR',
    'CLIP-DIY',
    'CLIPer',
    'CorrCLIP',
    'GroupViT',
    'ReCo',
    'ResCLIP',
    'TCL',
    'TagCLIP',
    'Trident',
}


def test_every_method_is_there_by_its_papers_name():
    """The config's own comes first and changes nothing; what the small CLIP cannot do is listed with what it needs."""
    methods, others = comparable_methods('configs/itaclip/itaclip_tiny_scenes.py')
    assert next(iter(methods.items())) == ('ITACLIP', {})
    assert {'CLIP', 'MaskCLIP', 'SCLIP', 'ClearCLIP', 'NACLIP', 'SC-CLIP', 'SFP'} <= methods.keys()
    assert all(changes for name, changes in methods.items() if name != 'ITACLIP')
    assert others.keys() - {'ProxyCLIP'} == OWN_SEGMENTORS
    folders = [path.parent for path in (ROOT / 'configs').glob('*/metafile.yaml')]
    assert methods.keys() | others.keys() == {method_name(folder) for folder in folders}
    assert not others['TagCLIP'].needs and not others['ResCLIP'].needs
    assert others['CLIPer'].needs == ('weights that know the words of its prompts',)
    for name, file in (('TCL', 'tcl.safetensors'), ('Trident', 'sam_vit_b_01ec64.pth'), ('GroupViT', 'group_vit')):
        assert any(file in line for line in others[name].needs), name
    assert not any('\n' in line or str(ROOT) in line for other in others.values() for line in other.needs)


@pytest.mark.slow
def test_methods_get_the_weights_of_the_page(tiny_weights, monkeypatch):
    """Those with a CLIP of the same kind; weights that open_clip would have to download count as missing."""
    monkeypatch.setattr(weights, 'try_to_load_from_cache', lambda *name: None)
    given = [f'model.backbone.pretrained={tiny_weights}']
    methods, others = comparable_methods('configs/naclip/naclip_vit-b-16_voc21.py', given)
    assert methods['NACLIP'] == {} and methods['ITACLIP']['image_engineering']
    assert others['TagCLIP'].options == ('model.backbone.arch=ViT-B-16', *given) and not others['TagCLIP'].needs
    assert others['CaR'].needs[0] == 'ViT-L-14 openai'  # the package of its CRF may be missing, too
    assert 'model.regions=sam2' in others['CorrCLIP'].options and not others['CLIP-DIY'].options


@pytest.mark.slow
def test_a_page_of_a_whole_method_offers_the_others():
    """Also those that answer from one encoding pass, each with its own segmentor then."""
    methods, others = comparable_methods('configs/tagclip/tagclip_tiny_scenes.py')
    assert methods == {} and 'TagCLIP' not in others
    assert others['ITACLIP'].config == 'configs/itaclip/itaclip_tiny_scenes.py' and not others['NACLIP'].needs
