"""Time every stage of a config on one image, beside its floor and beside the window-by-window way.

python tools/benchmark.py configs/itaclip/itaclip_vit-b-16_voc21.py --random-weights --json benchmark.json

All figures of a table come from one run, so that ratios hold whatever machine it was. `Reference` is the plain way of
doing the same: a window at a time, a view a pass, logits upsampled to pixels, PAMR's neighbours gathered. It lives here
so that the ratio can be measured, and agrees with the package in its labels, which is printed.
"""

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from matplotlib.figure import Figure
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from rich.console import Console
from rich.table import Table
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from itaclip_mmseg.engine.testing import load_config, parse_options, versions
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.segmentors import itaclip
from itaclip_mmseg.models.segmentors.itaclip import ITACLIP
from itaclip_mmseg.models.stages.pamr import guide_weights, refine
from itaclip_mmseg.models.stages.postprocess import postprocess
from itaclip_mmseg.models.stages.variants import categories, mix
from itaclip_mmseg.models.stages.views import fold_views, image_engineering
from itaclip_mmseg.scenes.dataset import render_scene
from itaclip_mmseg.utils.errors import UserError, run
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.visualization.plots import save

LONG = 5  # seconds; beside them what a first call does once is nothing
STAGES = ('data', 'views', 'encoder', 'similarity', 'merge', 'PAMR', 'post-processing')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Time the stages of a config on one image.')
    parser.add_argument('config', help='config file, below the working directory or as installed')
    parser.add_argument('--image', help='a photograph (default: a rendered scene of --size)')
    parser.add_argument('--size', type=int, nargs=2, default=(375, 500), metavar=('H', 'W'), help='(default: 375 500)')
    parser.add_argument('--repeats', type=int, default=3, help='the median counts (default: %(default)s)')
    parser.add_argument('--device', help='such as cpu or cuda (default: the GPU if there is one)')
    parser.add_argument('--precision', choices=['fp32', 'fp16', 'bf16'], help='(default: the config)')
    parser.add_argument('--random-weights', action='store_true', help='of the architecture; times are the same')
    parser.add_argument('--no-reference', action='store_true', help='leave the window-by-window way out')
    parser.add_argument('--json', type=Path, help='write the figures here')
    parser.add_argument('--picture', type=Path, help='write a bar picture here, PNG')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='overrides of all settings')
    return parser.parse_args()


# --- the window-by-window way -----------------------------------------------------------------------------------------


class Reference:
    """The single run of a model, done plainly, with the model's own weights and queries."""

    def __init__(self, model: ITACLIP) -> None:
        self.model, self.settings = model, next(iter(model.variants.values()))

    def __call__(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Labels H x W of a normalised image 3 x h x w."""
        logits = F.interpolate(self.merge(image)[None], size=size, mode='bilinear')[0]
        if self.settings.pamr is not None:
            logits = self.pamr(image, logits)
        return postprocess(logits, self.model.query_classes, self.settings)[1]

    def merge(self, image: Tensor) -> Tensor:
        """Add each window's upsampled logits to the canvas, divide by the cover: Q x h x w."""
        grid = self.model.grid(image)
        height, width = grid.window_size
        total = image.new_zeros(len(self.model.queries), *image.shape[1:])
        cover = image.new_zeros(image.shape[1:])
        for top in grid.tops:
            for left in grid.lefts:
                part = (..., slice(top, top + height), slice(left, left + width))
                total[part] += self.window_logits(image[part])
                cover[part] += 1
        return total / cover

    def window_logits(self, window: Tensor) -> Tensor:
        """Query logits of a window at its pixels, Q x h x w: every view encoded and upsampled by itself."""
        if not self.settings.image_engineering:
            return self.view_logits(window)
        window, gray, blurred, upside_down, mirrored = image_engineering(window[None])[:, 0]
        first = (self.view_logits(window) + self.view_logits(gray) + self.view_logits(blurred)) / 3
        second = (self.view_logits(upside_down).flip(-2) + self.view_logits(mirrored).flip(-1)) / 2
        return self.settings.image_coefficient * first + (1 - self.settings.image_coefficient) * second

    def view_logits(self, view: Tensor) -> Tensor:
        """Query logits of one view at its pixels, Q x h x w."""
        grid = self.model.backbone.patch_grid(*view.shape[1:])
        logits = self.model.backbone(view[None])[0] @ self.model.queries.mT  # L x Q
        return F.interpolate(logits.mT.unflatten(-1, grid)[None], size=view.shape[1:], mode='bilinear')[0]

    def pamr(self, image: Tensor, logits: Tensor) -> Tensor:
        """PAMR with the neighbours of every pixel gathered into one tensor, Q x 16 x H x W."""
        weights = guide_weights(image, logits.shape[1:], self.settings.pamr.dilations)
        for _ in range(self.settings.pamr.num_iters):
            neighbours = []
            for dilation in self.settings.pamr.dilations:
                padded = F.pad(logits[None], (dilation,) * 4, mode='replicate')[0]
                unfolded = F.unfold(padded[:, None], 3, dilation).unflatten(-1, logits.shape[1:])  # Q x 9 x H x W
                neighbours.append(unfolded[:, [0, 1, 2, 3, 5, 6, 7, 8]])
            logits = (torch.cat(neighbours, dim=1) * weights).sum(dim=1)
        return logits


# --- measuring --------------------------------------------------------------------------------------------------------


class Meter:
    """Median seconds and peak bytes, above what was held before, of a call."""

    def __init__(self, device: torch.device, repeats: int) -> None:
        self.device, self.repeats = device, repeats
        self.stages: dict[str, dict[str, float | None]] = {}

    def measure(self, name: str, call: Callable, repeats: int | None = None) -> object:
        """Measure; a first call that is short only warms up. The result of the last call."""
        result, *first = self.once(call)
        figures = [first] if first[0] >= LONG else []
        while len(figures) < (repeats or self.repeats):
            result, *figure = self.once(call)
            figures.append(figure)
        seconds, peaks = zip(*figures)
        self.stages[name] = dict(seconds=sorted(seconds)[len(seconds) // 2], peak_bytes=max(peaks))
        return result

    def once(self, call: Callable) -> tuple[object, float, int]:
        """The result of a call, its seconds, and its peak bytes above what was held before."""
        before = reset_peak(self.device)
        start = time.perf_counter()
        result = call()
        self.synchronise()
        return result, time.perf_counter() - start, peak_bytes(self.device) - before

    def synchronise(self) -> None:
        """Wait for a GPU."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)


def reset_peak(device: torch.device) -> int:
    """Start counting the peak anew; bytes held now. Linux keeps a process's peak, and forgets it when asked."""
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return 0  # another system: peaks read as 0
    return process_bytes('VmRSS')


def peak_bytes(device: torch.device) -> int:
    """The peak since `reset_peak`."""
    return torch.cuda.max_memory_allocated(device) if device.type == 'cuda' else process_bytes('VmHWM')


def process_bytes(key: str) -> int:
    """A figure of the kernel's about this process, in bytes; 0 where the kernel is another."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{key}:'))


def best_seconds(call: Callable, meter: Meter, calls: int = 8) -> float:
    """The fastest of several calls: a rate that the machine can reach."""
    call()
    seconds = []
    for _ in range(calls):
        meter.synchronise()
        start = time.perf_counter()
        call()
        meter.synchronise()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


# --- floors -----------------------------------------------------------------------------------------------------------


def product_rate(views: Tensor, backbone: CLIPVisionBackbone, meter: Meter) -> float:
    """FLOP/s of the encoder's largest product, at the batch it runs with, block after block: weights are read anew."""
    rows, columns = backbone.patch_grid(*views.shape[-2:])
    linears = [block.mlp.c_fc for block in backbone.blocks]
    tokens = torch.randn(len(views) * (1 + rows * columns), linears[0].in_features).to(linears[0].weight)
    flops = 2 * len(tokens) * sum(linear.weight.numel() for linear in linears)
    return flops / best_seconds(lambda: [linear(tokens) for linear in linears], meter)


def attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    """Of softmax(q kᵀ) v from shapes V x heads x L x d: its two products."""
    return 2 * query.numel() * key[-2] + 2 * value.numel() * query[-2]


def encoder_floor(views: Tensor, backbone: CLIPVisionBackbone, batch: int, meter: Meter) -> float:
    """Seconds for the encoder's FLOPs at the measured rate."""
    # PyTorch does not count this one by itself.
    fused = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops}
    with FlopCounterMode(display=False, custom_mapping=fused) as counter:
        backbone(views[:1])
    return counter.get_total_flops() * len(views) / product_rate(views[:batch], backbone, meter)


def pamr_floor(logits: Tensor, num_iters: int, meter: Meter) -> float:
    """Seconds to read and write the logits once a step at the measured rate of a copy."""
    target = torch.empty_like(logits)
    return num_iters * best_seconds(lambda: target.copy_(logits), meter)


# --- the benchmark ----------------------------------------------------------------------------------------------------


def load_model(config: Config, precision: str) -> ITACLIP:
    """The config's model in some precision.

    With random weights, the same at every call, texts are random too, as encoding them is no stage of an image.
    """
    config = copy.deepcopy(config.model)
    config.backbone.precision = precision
    with tempfile.TemporaryDirectory() as folder:
        if args.random_weights:
            torch.manual_seed(0)
            clip = open_clip.create_model(config.backbone.arch, force_quick_gelu=True)
            config.backbone.update(pretrained=str(Path(folder) / 'random.safetensors'), quick_gelu=True)
            save_file(clip.state_dict(), config.backbone.pretrained)
            width = clip.text_projection.shape[1]
            itaclip.TextEncoder.encode = lambda self, texts: F.normalize(torch.randn(len(texts), width), dim=-1)
        return MODELS.build(config).to(args.device or get_device()).eval()


def load_photograph() -> np.ndarray:
    """The image to segment, H x W x 3 uint8 RGB."""
    if args.image is None:
        return render_scene(0, *args.size).image
    try:
        return np.asarray(Image.open(args.image).convert('RGB'))
    except OSError as error:
        raise UserError(f'{args.image}: not readable as an image; check the path') from error


def measure_stages(model: ITACLIP, steps: Callable, photograph: np.ndarray, meter: Meter) -> tuple:
    """Each stage on its own, as `predict` calls it; normalised image and labels."""
    settings, size = next(iter(model.variants.values())), photograph.shape[:2]

    def load() -> Tensor:
        return model.data_preprocessor(dict(inputs=[steps(dict(img=photograph[..., ::-1]))['inputs']]))['inputs'][0]

    image = meter.measure('data', load)
    grid, encoder = model.grid(image), model.encoder
    batch = encoder.batch or model.backbone.views_a_pass(grid.crop(image))
    chunk = max(batch // encoder.views_a_window, 1)

    def views() -> Tensor:
        parts = grid.crop(image).split(chunk)
        return torch.cat([(image_engineering(part) if settings.image_engineering else part[None]) for part in parts], 1)

    shown = meter.measure('views', views)  # V x W x 3 x h x w
    passes = [part for windows in shown.split(chunk, dim=1) for part in windows.flatten(0, 1).split(batch)]
    tokens = meter.measure('encoder', lambda: torch.cat([model.backbone(one) for one in passes]))
    tokens = torch.cat([one.unflatten(0, (len(shown), -1)) for one in tokens.split(chunk * len(shown))], dim=1)
    patches = model.backbone.patch_grid(*shown.shape[-2:])

    def similarity() -> dict:
        folded = fold_views(tokens.unflatten(2, patches))
        return {name: (folded[name] @ model.texts.embeddings.mT).movedim(-1, 1) for name in categories(settings)}

    fields = meter.measure('similarity', similarity)
    logits = meter.measure('merge', lambda: grid.merge(mix(fields, model.texts.rows(settings), settings), size))
    floors = dict(encoder=encoder_floor(shown.flatten(0, 1), model.backbone, batch, meter))
    if settings.pamr is not None:
        floors['PAMR'] = pamr_floor(logits, settings.pamr.num_iters, meter)
        logits = meter.measure('PAMR', lambda: refine(image, logits, settings.pamr))
    meter.measure('post-processing', lambda: postprocess(logits, model.query_classes, settings))
    return image, floors


def share_of_equal(labels: Tensor, others: Tensor) -> float:
    """The share of pixels, 0 to 1, in which two label maps agree."""
    return (labels == others).double().mean().item()


def benchmark(config: Config) -> dict:
    """All figures, as `--json` writes them."""
    init_default_scope('mmseg')
    precision = args.precision or config.model.backbone.get('precision', 'fp32')
    model = load_model(config, precision)
    steps = [step for step in config.test_pipeline if step.type not in ('LoadImageFromFile', 'LoadAnnotations')]
    photograph = load_photograph()
    meter = Meter(next(model.parameters()).device, args.repeats)
    steps = Compose([dict(type='LoadImageFromNDArray'), *steps])
    size = photograph.shape[:2]
    with torch.no_grad():
        image, floors = measure_stages(model, steps, photograph, meter)
        sample = SegDataSample(metainfo=dict(ori_shape=size))
        (found,) = meter.measure('image', lambda: model.predict([image], [sample]))
        figures = dict(
            config=Path(config.filename).stem,
            device=versions()['device'],
            threads=torch.get_num_threads(),
            precision=precision,
            windows=len(model.grid(image)),
            size=size,
            floor=floors,
        )
        if precision != 'fp32':
            (exact,) = load_model(config, 'fp32').predict([image], [SegDataSample(metainfo=dict(ori_shape=size))])
            figures.update(equal_to_fp32=share_of_equal(found.pred_sem_seg.data, exact.pred_sem_seg.data))
        if not args.no_reference:
            labels = meter.measure('reference', lambda: Reference(model)(image, size), repeats=1)
            figures.update(equal_labels=share_of_equal(found.pred_sem_seg.data[0], labels))
    stages = {name: meter.stages[name] for name in STAGES if name in meter.stages}
    figures.update(stages=stages, image=meter.stages['image'], reference=meter.stages.get('reference'))
    if figures['reference']:
        figures['ratio'] = figures['reference']['seconds'] / figures['image']['seconds']
    return figures


def print_figures(figures: dict) -> None:
    """A row a stage."""
    height, width = figures['size']
    table = Table('stage', 'seconds', 'share', 'floor', 'peak MB')
    for column in table.columns[1:]:
        column.justify = 'right'
    whole = figures['image']['seconds']
    rows = figures['stages'] | {name: figures[name] for name in ('image', 'reference') if figures[name]}
    for name, row in rows.items():
        floor = figures['floor'].get(name)
        cells = [f'{row["seconds"]:.3f}', f'{100 * row["seconds"] / whole:.1f} %', f'{floor:.3f}' if floor else '']
        table.add_row(name, *cells, f'{row["peak_bytes"] / 1e6:.0f}', end_section=name == list(figures['stages'])[-1])
    console = Console()
    what = f'{figures["config"]}, {height} x {width}, {figures["windows"]} windows, {figures["precision"]}'
    console.print(f'{what}, {figures["device"]}, {figures["threads"]} threads', highlight=False)
    console.print(table)
    encoder = figures['stages']['encoder']['seconds'] / figures['floor']['encoder']
    console.print(f'encoder: {encoder:.2f} times its floor', highlight=False)
    if 'equal_to_fp32' in figures:
        console.print(f'{100 * figures["equal_to_fp32"]:.3f} % of labels as in fp32', highlight=False)
    if 'ratio' in figures:
        labels = f'{100 * figures["equal_labels"]:.3f} % of labels equal'
        console.print(f'{figures["ratio"]:.2f} times as fast as window by window; {labels}', highlight=False)


def draw_figures(figures: dict, path: Path) -> None:
    """Seconds a stage as bars, floors as lines across them."""
    names = list(figures['stages'])[::-1]
    figure = Figure(figsize=(6, 0.5 + 0.4 * len(names)))
    axes = figure.subplots()
    bars = axes.barh(names, [figures['stages'][name]['seconds'] for name in names])
    axes.bar_label(bars, fmt='%.3f s', padding=3)
    for place, name in enumerate(names):
        if name in figures['floor']:
            axes.vlines(figures['floor'][name], place - 0.4, place + 0.4, color='tab:red', label='floor')
    axes.set(xlabel='seconds an image', title=f'{figures["config"]}, {figures["precision"]}, {figures["device"]}')
    axes.margins(x=0.15)
    save(figure, path)


def main() -> None:
    if args.repeats < 1:
        raise UserError(f'--repeats {args.repeats}: must be at least 1')
    config = load_config(args.config, parse_options(args.cfg_options))
    if args.random_weights and config.model.backbone.arch is None:
        raise UserError(f'--random-weights: {args.config} names no model.backbone.arch; leave it out, or name one')
    figures = benchmark(config)
    print_figures(figures)
    if args.json:
        with written_whole(args.json) as temporary:
            temporary.write_text(json.dumps(figures, indent=2) + '\n')
    if args.picture:
        draw_figures(figures, args.picture)


if __name__ == '__main__':
    args = parse_args()
    run(main)
