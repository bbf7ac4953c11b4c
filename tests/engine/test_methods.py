"""The main job for methods with networks or loops of their own: files to a table, in processes, after a kill."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import SMALL_VOC, marked
from golden import SEED, tiny_cass, tiny_clip, tiny_dino_b16, tiny_dino_proxy, tiny_groupvit, tiny_tcl
from networks import write_state
from pretend_gpu import TO_CPU, WAIT, pretend_gpu
from processes import run_ranks
from safetensors.torch import save_file

from itaclip_mmseg.engine.config import load_config, parse_options
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.methods import CASS, CLIPDIY, TCL, CaR, CorrCLIP, GroupViT, ReCo, TagCLIP, Trident
from itaclip_mmseg.models.stages.regions import write_regions
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

METHODS = {
    'groupvit': (GroupViT, 'configs/groupvit/groupvit_voc21.py'),
    'tcl': (TCL, 'configs/tcl/tcl_voc21.py'),
    'clip_diy': (CLIPDIY, 'configs/clip_diy/clip-diy_vit-b-32_voc21.py'),
    'reco': (ReCo, 'configs/reco/reco_deit-s-16_context59.py'),
    'tagclip': (TagCLIP, 'configs/tagclip/tagclip_vit-b-16_voc21.py'),
    'car': (CaR, 'configs/car/car_vit-b-16_voc21.py'),
    'trident': (Trident, 'configs/trident/trident_vit-b-16_voc21.py'),
    'cass': (CASS, 'configs/cass/cass_vit-b-16_voc21.py'),
    'corrclip': (CorrCLIP, 'configs/corrclip/corrclip_vit-b-16_voc21.py'),
}
# On sliding CLIP windows, where tests of their own hold processes and kills.
SLIDING = {
    'itaclip': 'configs/itaclip/itaclip_vit-b-16_voc21.py',
    'naclip': 'configs/naclip/naclip_vit-b-16_voc21.py',
    'scclip': 'configs/scclip/scclip_vit-b-16_voc21.py',
    'sfp': 'configs/sfp/sfp_vit-b-16_voc21.py',
    'resclip': 'configs/resclip/resclip_vit-b-16_voc21.py',
    'proxyclip': 'configs/proxyclip/proxyclip_vit-b-16_voc21.py',
    'cliper': 'configs/cliper/cliper_vit-b-16_voc21.py',
}
# How often an image makes a GPU wait: once, for its labels. More where a method looks at its own answers (which tags,
# which boxes, which regions), has Pillow or OpenCV resize the photograph, or merges regions and labels by them.
GPU_WAITS = {'cass': 3, 'clip_diy': 3, 'tagclip': 9, 'car': 10, 'trident': 4, 'corrclip': 3}
CONFIGS = {name: config for name, (_, config) in METHODS.items()} | SLIDING
PHOTOGRAPHS_BANK = 'data/text_bank/clipdiy_voc21.json'  # a bank of reference embeddings has one a word
SETTINGS = {  # some that each method must write into its results
    'groupvit': ('background_threshold', 0.95),
    'tcl': ('background_threshold', 0.4),
    'tagclip': ('box_threshold', 0.4),
    'car': ('box_threshold', 0.4),
    'trident': ('minimal_area', 50),
    'cass': ('decomposition', 'exact'),
    'corrclip': ('merge_distance', 0.2),
}


@pytest.fixture(scope='module')
def options(small_voc, tiny_weights, network_weights, dino_weights, tmp_path_factory) -> dict[str, list[str]]:
    """Overrides by method: small weights, small windows, the three small pictures."""
    folder = tmp_path_factory.mktemp('methods')
    for name, generator in (('groupvit', tiny_groupvit), ('tcl', tiny_tcl)):
        state = {key: torch.from_numpy(np.asarray(value)) for key, value in generator.state_dict(SEED).items()}
        save_file(state, folder / f'{name}.safetensors')
    random = torch.Generator().manual_seed(0)
    words = load_bank(PHOTOGRAPHS_BANK).words
    save_file({word: torch.randn(128, generator=random) for word in words}, folder / 'references.safetensors')
    for name, (height, width) in zip(SMALL_VOC, ((90, 120), (120, 80), (100, 100)), strict=True):
        write_regions(folder / f'{name}.npz', np.arange(height * width).reshape(height, width) // 500)
    data = [
        f'test_dataloader.dataset.data_root={small_voc}',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
    ]
    windows = ['model.test_cfg.crop_size=(128,128)', 'model.test_cfg.stride=(64,64)']
    windows += ['test_dataloader.dataset.pipeline.1.scale=(512,128)']
    clip = network('backbone', tiny_weights)
    return dict(
        groupvit=[f'model.backbone.pretrained={folder}/groupvit.safetensors', 'model.backbone.num_heads=4', *windows],
        tcl=[*clip, f'model.decoder.pretrained={folder}/tcl.safetensors', *windows],
        clip_diy=[
            *network('backbone', shallow_clip(folder / 'shallow.pt')),
            *network('saliency.backbone', network_weights['dino']),
            f'model.saliency.head.pretrained={network_weights["found"]}',
            f'model.text_bank={PHOTOGRAPHS_BANK}',
        ],
        reco=[
            *network('backbone', network_weights['deit']),
            *network('dense', network_weights['resnet_clip']),
            f'model.references.pretrained={folder / "references.safetensors"}',
            f'model.text_bank={PHOTOGRAPHS_BANK}',
            'test_dataloader.dataset.type=PascalVOCDataset',
            'test_dataloader.dataset.data_prefix.seg_map_path=SegmentationClass',
            'test_dataloader.dataset.ann_file=ImageSets/Segmentation/val.txt',
        ],
        tagclip=clip,
        car=[*clip, *network('classifier', tiny_weights), 'model.crf=False'],
        trident=[
            *clip,
            *network('dino', network_weights['dino_b16']),
            f'model.dino.heads={tiny_dino_b16.VISION["heads"]}',
            f'model.sam.pretrained={network_weights["sam"]}',
            *('model.confidence_threshold=0', 'model.prob_threshold=None', 'model.minimal_area=50'),
            *windows,
        ],
        cass=[
            *network('backbone', write_state(folder / 'four_heads.pt', tiny_cass.state_dict(SEED))),
            f'model.dino.pretrained={write_state(folder / "dino.pth", tiny_cass.dino_state_dict(SEED))}',
            f'model.text_bank={PHOTOGRAPHS_BANK}',
        ],
        proxyclip=[
            *clip,
            f'model.backbone.last_block.dino.pretrained={dino_weights}',
            f'model.backbone.last_block.dino.heads={tiny_dino_proxy.VISION["heads"]}',
            *windows,
        ],
        corrclip=[
            *clip,
            f'model.dino.pretrained={dino_weights}',
            f'model.dino.heads={tiny_dino_proxy.VISION["heads"]}',
            f'model.regions.folder={folder}',
            'model.test_cfg.mode=whole',
            'test_dataloader.dataset.pipeline.1.scale=(512,128)',
        ],
        cliper=[*clip, 'test_dataloader.dataset.pipeline.1.short_side=128', 'model.test_cfg.mode=whole'],
        **{name: [*clip, *windows] for name in ('itaclip', 'naclip', 'scclip', 'sfp', 'resclip')},
    ) | dict(data=data)


def network(key: str, path: str) -> list[str]:
    """Overrides that let a network of the model read a file, dimensions included."""
    return [f'model.{key}.arch=None', f'model.{key}.pretrained={path}']


def shallow_clip(path) -> str:
    """The small CLIP with two blocks of its twelve in the image tower: CLIP-DIY encodes 59 crops an image."""
    deep = tuple(f'visual.transformer.resblocks.{number}.' for number in range(2, 12))
    return write_state(
        path, {name: value for name, value in tiny_clip.state_dict(SEED).items() if not name.startswith(deep)}
    )


@pytest.fixture
def run(options, tmp_path, monkeypatch):
    """Run a method's config: its results, which only rank 0 has."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, *more: str, launcher: str = 'none', **outputs) -> dict:
        overrides = parse_options([*options['data'], *options[name], *more])
        config = load_config(CONFIGS[name], overrides, str(tmp_path / 'work'), launcher)
        return run_test(config, table=False, **outputs)

    return run


@pytest.mark.slow
@pytest.mark.parametrize('name', METHODS)
def test_the_same_counts_alone_in_two_processes_and_after_a_kill(run, tmp_path, monkeypatch, name):
    """From files to a table, with overlays; the method's settings are written down; what was done is not done again."""
    counted = tmp_path / 'work/confusion.csv'
    results = run(name, show_dir=str(tmp_path / 'overlays'))
    assert len(results['classes']) == 21 and results['num_images'] == len(SMALL_VOC) and 0 <= results['mIoU'] <= 100
    key, value = SETTINGS.get(name, ('closing_kernel', None))
    assert results['settings'][key] == value
    assert sorted(path.stem for path in (tmp_path / 'overlays').iterdir()) == sorted(SMALL_VOC)
    assert ('tags' in results) == (name == 'tagclip')
    alone = figures(tmp_path / 'work')

    shutil.rmtree(tmp_path / 'work')
    assert run_ranks(2, lambda: run(name, launcher='pytorch')) == [0, 0]
    assert figures(tmp_path / 'work') == alone

    shutil.rmtree(tmp_path / 'work')
    segmented = []
    method, compute = METHODS[name][0], METHODS[name][0].result
    monkeypatch.setattr(method, 'result', lambda *given: segmented.append(1) or compute(*given))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Journal, 'append', stop_after_two(Journal.append))
        run(name)
    assert len(segmented) == 2 and not counted.exists()
    run(name)
    assert len(segmented) == 3 and figures(tmp_path / 'work') == alone


def figures(work):
    """The confusion matrix, the mIoU, and the figures of tags where a method has them: two classes are in the truth."""
    results = json.loads((work / 'results.json').read_text())
    tags = results.get('tags')
    if tags is not None:
        known = [value for value in tags['classes'].values() if value is not None]
        assert len(tags['classes']) == 20 and len(known) == 2 and tags['mAP'] == sum(known) / 2
    return (work / 'confusion.csv').read_text(), results['mIoU'], tags


def stop_after_two(append):
    """The journal's `append`, which stops the run when two images are written down."""

    def stopping(journal, entries):
        append(journal, entries)
        if len(journal.read()) == 2:
            raise KeyboardInterrupt

    return stopping


@pytest.mark.parametrize('name', marked(CONFIGS, *(CONFIGS.keys() - {'itaclip'})))
def test_a_gpu_counts_like_a_cpu(run, tmp_path, name):
    """On a GPU that the CPU pretends: no tensors on two devices, and an image waits no more often than it must."""
    run(name)
    alone = figures(tmp_path / 'work')
    shutil.rmtree(tmp_path / 'work')
    with pretend_gpu() as traffic:
        run(name)
    assert figures(tmp_path / 'work') == alone
    assert not list((tmp_path / 'work').glob('.journal*'))  # a run that ended leaves none
    waits = {line: number for (kind, line), number in traffic.items() if kind in (TO_CPU, WAIT)}
    assert sum(waits.values()) == GPU_WAITS.get(name, 1) * len(SMALL_VOC), waits


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'option', 'message'),
    [
        ('groupvit', 'model.backbone.pretrained=absent.pth', r'absent.pth: no such weights file.*Hugging Face hub'),
        ('tcl', 'model.decoder.pretrained=absent.pth', r'absent.pth: no such weights file.*release v1.0.0'),
        ('tcl', 'model.backbone.positions=nearest', "backbone.positions='nearest': not possible; allowed: factor"),
        ('tcl', 'model.colour=red', 'colour'),
        (
            'clip_diy',
            'model.saliency.head.pretrained=data/weights/decoder_weights.pt',
            'get it from data/weights in github.com',
        ),
        ('clip_diy', 'model.test_cfg.mode=slide', 'test_cfg'),
        ('reco', 'model.references.pretrained=absent.safetensors', 'absent.safetensors: no such weights file'),
        ('reco', 'model.dense.arch=ViT-B-16', 'its image tower is a ViT'),
        ('reco', 'model.colour=red', 'colour'),
        ('cass', 'model.dino.pretrained=data/weights/dino_vitbase8_pretrain.pth', r'get it from https://dl.fbaipublic'),
        ('cass', 'model.colour=red', 'colour'),
        ('corrclip', 'model.dino.pretrained=data/weights/dino_vitbase8_pretrain.pth', 'get it from https://dl.fbai'),
        ('corrclip', 'model.regions.folder=absent', 'absent: no such folder of region maps'),
        ('corrclip', 'model.sharpness=-4', 'sharpness=-4'),
    ],
)
def test_faults_end_in_one_line(run, tmp_path, name, option, message):
    with pytest.raises(UserError, match=message) as caught:
        run(name, option)
    assert '\n' not in str(caught.value) and not (tmp_path / 'work/results.json').exists()
