"""Which methods a config's weights can answer beside its own, by the names of their papers."""

from pathlib import Path

import yaml

from itaclip_mmseg.studies.combined import base_model
from itaclip_mmseg.studies.tables import method_changes
from itaclip_mmseg.utils.resources import ROOT, located

METHODS = (
    'clip',
    'maskclip',
    'sclip',
    'clearclip',
    'naclip',
    'scclip',
    'sfp',
    'proxyclip',
)


def comparable_methods(config: str) -> dict[str, dict]:
    """Changes of a config's settings by name of method: none for its own, then those of all others whose weights are
    there.
    """
    own = Path(config).resolve().parent.name
    others = {name: method_changes(name) for name in METHODS if name != own and has_weights(name)}
    return {method_name(name): changes for name, changes in ({own: {}} | others).items()}


def has_weights(method: str) -> bool:
    """Are the weights there that a method needs beside CLIP's?"""
    second = base_model(method).backbone.get('last_block', {}).get('dino')
    return second is None or located(second.pretrained) is not None


def method_name(method: str) -> str:
    """How the paper of a folder of configs spells its method's name: 'NACLIP' of 'naclip'."""
    path = ROOT / f'configs/{method}/metafile.yaml'
    if not path.is_file():
        return method
    return yaml.safe_load(path.read_text(encoding='utf-8'))['Collections'][0]['Name']
