"""Find the other methods that can run with a config's weights, by the names of their papers."""

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
    """Changes of a config's settings by method: none for its own, then all others whose weights are available."""
    own = Path(config).resolve().parent.name
    others = {name: method_changes(name) for name in METHODS if name != own and has_weights(name)}
    return {method_name(name): changes for name, changes in ({own: {}} | others).items()}


def has_weights(method: str) -> bool:
    """Whether all weights that a method needs in addition to CLIP are available."""
    second = base_model(method).backbone.get('last_block', {}).get('dino')
    return second is None or located(second.pretrained) is not None


def method_name(method: str) -> str:
    """Name of a method as in its paper, from its folder of configs: 'NACLIP' for 'naclip'."""
    path = ROOT / f'configs/{method}/metafile.yaml'
    if not path.is_file():
        return method
    return yaml.safe_load(path.read_text(encoding='utf-8'))['Collections'][0]['Name']
