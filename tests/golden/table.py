"""A line for each kind of recorded array: how far ours lie from it on this machine.

In the folder `tests`: python -m golden.table
"""

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from golden import DIR, SEED, arrays, tiny_clip
from golden.car_answers import CASES as CAR_CASES
from golden.car_answers import CONFIGS as CAR_CONFIGS
from golden.car_answers import bank_of_case, car_answers, settings_of_case
from golden.tag_answers import CASES, CONFIGS, early_answers, map_answers, tag_answers
from itaclip_mmseg.models.stages.crf import load_crf
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT

Pairs = dict[str, list[tuple[np.ndarray, np.ndarray]]]


def build(path: str, folder: Path, **changes: object) -> torch.nn.Module:
    """The model of a config on small weights."""
    settings = Config.fromfile(ROOT / path).model.to_dict() | changes
    for key, seed in (('backbone', SEED), ('classifier', SEED + 100)):
        if key in settings:
            weights = folder / f'{seed}.pt'
            if not weights.exists():
                torch.save({name: torch.from_numpy(one) for name, one in tiny_clip.state_dict(seed).items()}, weights)
            settings[key] |= dict(arch=None, pretrained=str(weights))
    return MODELS.build(settings)


def collect(pairs: Pairs, title: str, found: dict, recorded: dict, part: str) -> None:
    """Put ours beside what is recorded below `part`."""
    for name, ours in found.items():
        expected = recorded.get(f'{part}{name}')
        if expected is not None:
            kind = title + '/'.join('stage*' if piece.startswith('stage') else piece for piece in name.split('/'))
            step = 3 if 'prompted' in name and ours.shape != expected.shape else 1
            pairs[kind].append((ours[::step, ::step] if step > 1 else ours, expected))


def tag_pairs(folder: Path, crf: bool) -> Pairs:
    """Of TagCLIP and of the core that it shares."""
    pairs, first, second = defaultdict(list), arrays('tagclip'), arrays('clipes')
    stuff27 = np.array(json.loads((DIR / 'words_tagclip.json').read_text())['stuff171_to_27'], np.uint8)
    for dataset, name in CONFIGS.items():
        model = build(f'configs/tagclip/tagclip_vit-b-16_{name}.py', folder)
        every = 8 if dataset == 'cocostuff' else 1
        for stage, texts, recorded in (('1', model.tag_texts, first), ('2', model.map_texts, second)):
            pairs[f'text{stage}_*'].append((texts[::every].numpy(), recorded[f'text{stage}_{dataset}']))
        for case in (case for case, place in CASES.items() if place[0] == dataset):
            collect(pairs, 'tagclip */', tag_answers(model, case), first, f'{case}/')
            keys, own = second[f'{case}/keys'].tolist(), first[f'{case}/own/keys'].tolist()
            collect(pairs, 'tagclip */own/', map_answers(model, case, own, stuff27, False), first, f'{case}/own/')
            with_crf = crf and f'{case}/crf_q' in second
            collect(pairs, 'clipes */', map_answers(model, case, keys, stuff27, with_crf), second, f'{case}/')
        if dataset == 'voc2012':
            collect(pairs, 'tagclip early/', early_answers(model), first, 'early/')
    return pairs


def car_pairs(folder: Path, crf: bool) -> Pairs:
    """Of CaR."""
    pairs, recorded = defaultdict(list), arrays('car')
    for case, place in CAR_CASES.items():
        name = CAR_CONFIGS[place[0]]
        bank = bank_of_case(load_bank(f'data/text_bank/car_{name}.json'), case)
        path = f'configs/car/car_vit-b-16_{name}.py'
        model = build(path, folder, text_bank=bank, crf=crf, **settings_of_case(case))
        collect(pairs, 'car */', car_answers(model, case, crf), recorded, f'{case}/')
    return pairs


def main() -> None:
    """Print the table."""
    try:
        load_crf()
        crf = True
    except UserError as error:
        print(error, file=sys.stderr)
        crf = False
    with tempfile.TemporaryDirectory() as folder:
        pairs = tag_pairs(Path(folder), crf) | car_pairs(Path(folder), crf)
    print('| arrays | number | largest difference | entries equal |\n|---|---|---|---|')
    for kind, both in pairs.items():
        apart = np.concatenate([np.abs(ours.astype(float) - expected).ravel() for ours, expected in both])
        print(f'| {kind} | {len(both)} | {apart.max():.1e} | {(apart == 0).mean():.3%} |')


if __name__ == '__main__':
    main()
