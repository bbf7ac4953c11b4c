"""The combined table, from one encoding pass: each method's last block with each part of ITACLIP. No paper has it."""

from collections.abc import Iterator
from dataclasses import asdict

from mmengine.config import Config, ConfigDict

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.utils.resources import find

COMBINED = 'combined'  # its name among the paper's tables
BLOCKS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip', 'itaclip', 'scclip', 'sfp', 'resclip')
OFF = dict(image_engineering=False, auxiliary=None, pamr=None, closing_kernel=None)
PARTS = {
    'plain': tuple(OFF),
    '+ views': ('auxiliary', 'pamr', 'closing_kernel'),
    '+ texts': ('image_engineering', 'pamr', 'closing_kernel'),
    '+ PAMR': ('image_engineering', 'auxiliary', 'closing_kernel'),
    'all': (),
}  # settings that are off in each column


def combined_table() -> dict:
    """Return the table in the form of the paper's tables, without published figures."""
    return dict(
        title="Each method's last block with the parts of ITACLIP",
        assumptions=[
            "All columns use ITACLIP's image size, windows, words, scale and thresholds, which are not tuned for the "
            'combinations. + views, + texts and + PAMR add one part each to plain; all has the three parts and the '
            'closing.',
            "Each last block has the settings of its method's base config; ResCLIP's is the first pass only "
            '(RCS), without feedback (SFR).',
        ],
        rows=list(combined_rows()),
    )


def combined_rows() -> Iterator[dict]:
    """Yield a row for each last block and part."""
    for method in BLOCKS:
        block = block_changes(method)
        name = 'resclip (RCS)' if 'feedback' in block else method
        for part, off in PARTS.items():
            yield dict(row=name, part=part, paper={}, settings=block | {key: OFF[key] for key in off})


def block_changes(method: str) -> dict:
    """Changes of settings that select a method's last block, as in its first pass."""
    block = LastBlock.from_config(base_model(method).backbone)
    return as_changes(block) | (dict(feedback=None) if block.feedback else {})


def base_model(method: str) -> ConfigDict:
    """The model part of a method's base config for ViT-B/16."""
    return Config.fromfile(find(f'configs/_base_/models/{method}_vit-b-16.py')).model


def as_changes(block: LastBlock) -> dict:
    """Changes of settings that select this last block."""
    return dict(last_block=dict(type=block.name) | asdict(block))
