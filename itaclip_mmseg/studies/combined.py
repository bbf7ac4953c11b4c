"""The table that no paper has: every method's last block under each part of one protocol, from one encoding pass."""

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
    '+ regions': tuple(OFF),
    'all': (),
}  # what is off in each
ADDED = {'+ regions': dict(regions='felzenszwalb')}  # to the protocol, which has none; these need no weights


def combined_table() -> dict:
    """The table in the form of the paper's: a row for each last block and part, without any figure of a paper."""
    return dict(
        title="Each method's last block under the parts of ITACLIP's protocol",
        assumptions=[
            "Size, windows, words, scale and thresholds are those of ITACLIP's configuration in all columns, not tuned "
            'for the combination; + views, + texts, + PAMR and + regions add one part each to plain, all has the first '
            'three and the closing.',
            "+ regions: each of Felzenszwalb's regions gets its most frequent label, after the thresholds.",
            "Last blocks have the settings of their method's base configuration; that of ResCLIP is its first pass "
            '(RCS), without feedback (SFR).',
        ],
        rows=list(combined_rows()),
    )


def combined_rows() -> Iterator[dict]:
    """A row for each last block and part."""
    for method in BLOCKS:
        block = block_changes(method)
        name = 'resclip (RCS)' if 'feedback' in block else method
        for part in PARTS:
            yield dict(row=name, part=part, paper={}, settings=block | settings_of(part))


def settings_of(part: str) -> dict:
    """The changes of ITACLIP's settings in a column."""
    return {key: OFF[key] for key in PARTS[part]} | ADDED.get(part, {})


def block_changes(method: str) -> dict:
    """What makes the last block of any settings that of a method, as it is in the first pass."""
    block = LastBlock.from_config(base_model(method).backbone)
    return as_changes(block) | (dict(feedback=None) if block.feedback else {})


def base_model(method: str) -> ConfigDict:
    """What all configs of a method with ViT-B/16 share of their model."""
    return Config.fromfile(find(f'configs/_base_/models/{method}_vit-b-16.py')).model


def as_changes(block: LastBlock) -> dict:
    """What makes the last block of any settings this one."""
    return dict(last_block=dict(type=block.name) | asdict(block))
