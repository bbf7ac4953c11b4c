"""Train the small CLIP that the package ships, on rendered scenes and their captions, with 2 CPU cores.

    python tools/train_tiny_clip.py --out itaclip_mmseg/assets/tiny_clip.safetensors --cache-dir /tmp/tiny_clip

Label maps are never trained on. A caption names what its picture shows; two losses rest on it: the contrast of pictures
and captions (CLS token), and, for every name, whether some patch resembles its text (each patch by its own values only,
so that patches come to mean what lies in them). In the last stage the names also compete for each patch. Killed and
started again, it goes on from its last checkpoint.
"""

import argparse
import functools
import json
import math
import os
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as vision

from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.models.backbones.attention import attention_sums, output, plain_block, project
from itaclip_mmseg.scenes.dataset import BACKGROUNDS, LABEL_OF_NAME, NAMED_SHARE, NAMES, render_names, visible_names
from itaclip_mmseg.text.bank import TextBank, load_bank
from itaclip_mmseg.utils.errors import UserError, run
from itaclip_mmseg.utils.progress import ProgressBar

WIDTH, BLOCKS, TEXT_BLOCKS, CONTEXT = 128, 12, 2, 77
MEAN = torch.tensor((122.771, 116.746, 104.094))[:, None, None]
STD = torch.tensor((68.501, 66.632, 70.323))[:, None, None]
FIRST_SEED = 1_000_000  # of training scenes; those of the validation split start at 0
EVALUATION_SEED = 900_000
TEMPLATES = open_clip.OPENAI_IMAGENET_TEMPLATES
BLUR_AT_224 = (11, 5.0)
KINDS = {
    'identity': AttentionSum(('identity',), None, True, False, None),
    'qk+ffn': AttentionSum(('qk',), None, True, True, None),
    'qq+kk': AttentionSum(('qq', 'kk'), None, True, False, None),
    'qq+kk 7,8,10': AttentionSum(('qq', 'kk'), (7, 8, 10), True, False, None),
}


class Stage(NamedTuple):
    """A part of the training at one resolution."""

    size: int  # of pictures, in pixels
    batch: int
    steps: int
    learning_rate: float
    windows: int  # pictures cut from each scene
    sides: tuple[int, int]  # of those windows, before they are resized to `size`
    compete: float = 0.0  # weight of the loss that names compete for patches


class Pictures(NamedTuple):
    """Pictures N x size x size x 3 uint8, and what their captions name, N x len(NAMES) bool."""

    images: np.ndarray
    named: np.ndarray


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train the embedded CLIP on rendered scenes and captions.')
    parser.add_argument('--out', type=Path, default=Path('itaclip_mmseg/assets/tiny_clip.safetensors'))
    parser.add_argument('--text-bank', default='data/text_bank/scenes.json')
    parser.add_argument('--cache-dir', type=Path, default=Path.home() / '.cache' / 'itaclip_mmseg' / 'tiny_clip')
    parser.add_argument('--scenes', type=int, default=12000, help='drawn beforehand (default: %(default)s)')
    parser.add_argument(
        '--steps', type=int, nargs=3, default=(3000, 1400, 700), help='at 112, at 224, at 224 with names that compete'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument(
        '--bfloat16',
        action='store_true',
        help='at 224 pixels: twice as fast where the processor has it, another result',
    )
    parser.add_argument('--evaluate', action='store_true', help='train nothing; print the figures of --out')
    parser.add_argument('--minutes-between', type=float, default=4.0, help='evaluations and checkpoints')
    return parser.parse_args()


# --- pictures ---------------------------------------------------------------------------------------------------------


def cut_windows(seed: int, stages: Sequence[Stage]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Render a scene and cut each stage's windows: pictures W x size x size x 3 and what their captions name.

    A caption names what can be seen in the window. The renderer knows that, as a person who writes a caption does;
    where it lies is not kept.
    """
    rng = np.random.RandomState(seed)
    image, names = render_names(seed, 336, rng.randint(336, 505))
    cuts = []
    for stage in stages:
        images = np.empty((stage.windows, stage.size, stage.size, 3), np.uint8)
        named = np.zeros((stage.windows, len(NAMES)), bool)
        for index in range(stage.windows):
            side = rng.randint(stage.sides[0], stage.sides[1] + 1)
            top, left = rng.randint(image.shape[0] - side + 1), rng.randint(image.shape[1] - side + 1)
            part = np.s_[top : top + side, left : left + side]
            window = Image.fromarray(image[part]).resize((stage.size, stage.size), Image.Resampling.BILINEAR)
            images[index] = np.asarray(window)
            named[index] = [name in visible_names(names[part]) for name in NAMES]
        cuts.append((images, named))
    return cuts


def load_pictures(cache: Path, stages: Sequence[Stage], scenes: int, seed: int, workers: int) -> list[Pictures]:
    """Pictures of each stage, drawn on first use: drawing while training would halve its speed."""
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f'pictures-{stage.size}-{scenes}-{seed}.npy' for stage in stages]
    if not all(path.with_suffix('.names.npy').is_file() for path in paths):
        draw_pictures(paths, stages, scenes, seed, workers)
    return [Pictures(np.load(path, mmap_mode='r'), np.load(path.with_suffix('.names.npy'))) for path in paths]


def draw_pictures(paths: Sequence[Path], stages: Sequence[Stage], scenes: int, seed: int, workers: int) -> None:
    """Draw all pictures into memory maps; the names, written last, say that they are complete."""
    shapes = [(scenes * stage.windows, stage.size, stage.size, 3) for stage in stages]
    maps = [np.lib.format.open_memmap(path, 'w+', np.uint8, shape) for path, shape in zip(paths, shapes)]
    named = [np.zeros((shape[0], len(NAMES)), bool) for shape in shapes]
    seeds = range(FIRST_SEED * (seed + 1), FIRST_SEED * (seed + 1) + scenes)
    with get_context('spawn').Pool(workers) as pool, ProgressBar('scenes drawn', scenes) as bar:
        for index, cuts in enumerate(pool.imap(functools.partial(cut_windows, stages=stages), seeds, chunksize=8)):
            for stage, pictures, captions, cut in zip(stages, maps, named, cuts):
                part = slice(index * stage.windows, (index + 1) * stage.windows)
                pictures[part], captions[part] = cut
            bar.advance()
    for path, pictures, captions in zip(paths, maps, named):
        pictures.flush()
        np.save(path.with_suffix('.names.npy'), captions)


def to_tensor(images: np.ndarray) -> Tensor:
    """Normalised pictures, N x 3 x H x W, from N x H x W x 3 uint8."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - MEAN) / STD


def augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Show a share of the pictures as image engineering will: gray, blurred, upside down, mirrored."""
    share = len(images) // 6
    gray, blurred, flipped = (slice(index * share, (index + 1) * share) for index in range(3))
    kernel = 2 * round(BLUR_AT_224[0] * images.shape[-1] / 448 - 0.5) + 1  # as large against the objects as at 224
    sigma = BLUR_AT_224[1] * images.shape[-1] / 224
    images[gray] = vision.rgb_to_grayscale(images[gray], num_output_channels=3)
    images[blurred] = vision.gaussian_blur(images[blurred], [kernel, kernel], [sigma, sigma])
    images[flipped] = images[flipped].flip(-2)
    mirrored = torch.from_numpy(rng.random(len(images)) < 0.5)
    images[mirrored] = images[mirrored].flip(-1)
    return images


# --- texts ------------------------------------------------------------------------------------------------------------


class Texts:
    """Sentences about names, as rows of a vocabulary cut to what can occur.

    Attributes:
        token_ids: CLIP's ids in use, sorted: row i of the token table belongs to CLIP's id token_ids[i]. The end token
            has the largest id in both, by which CLIP finds it.
    """

    def __init__(self, bank: TextBank) -> None:
        self.tokenizer = open_clip.SimpleTokenizer()
        self.variants = {word: [word] for word in bank.classes[0].words}  # how a name may be worded, by name
        for entry in bank.classes[1:]:
            self.variants[entry.name] = [*entry.words, entry.synonym, entry.definition]
        if set(self.variants) != set(NAMES):
            raise UserError(f'{bank.path}: words are not those of the scenes; background: {", ".join(BACKGROUNDS)}')
        self.rows: dict[int, int] = {}
        worded = [text for texts in self.variants.values() for text in texts]
        sentences = [template(text) for text in worded for template in TEMPLATES]
        # The articles and commas of captions cost nothing. No caption says 'background'; the word stays as chance made
        # it, but table 11 asks for it.
        extra = 'a photo of an, and with the background'
        used = {token for sentence in (*sentences, extra) for token in self.encode(sentence)}
        ends = (self.tokenizer.sot_token_id, self.tokenizer.eot_token_id)
        self.token_ids = sorted(used | set(ends))
        self.rows = {token: row for row, token in enumerate(self.token_ids)}
        self.sot, self.eot = (self.rows[token] for token in ends)

    @functools.cache  # noqa: B019 - lives as long as the program
    def encode(self, text: str) -> tuple[int, ...]:
        """CLIP's ids of a text. Words are encoded one by one, so that sentences may be joined from pieces."""
        return tuple(self.tokenizer.encode(text))

    def batch(self, sentences: Sequence[Sequence[int]]) -> Tensor:
        """Rows of token ids, N x (2 + longest), start and end added, zeros behind."""
        longest = min(max(map(len, sentences)), CONTEXT - 2)
        tokens = torch.zeros(len(sentences), longest + 2, dtype=torch.long)
        for row, sentence in zip(tokens, sentences):
            rows = [self.sot, *(self.rows[token] for token in sentence[: CONTEXT - 2]), self.eot]
            row[: len(rows)] = torch.tensor(rows)
        return tokens

    def caption(self, named: np.ndarray, rng: np.random.Generator) -> list[int]:
        """'a photo of a kite, a tree and sky' of what a picture shows, in any order; ids."""
        names = [NAMES[index] for index in rng.permutation(np.flatnonzero(named))]
        tokens = [*self.encode('a photo of')]
        for position, name in enumerate(names):
            if position:
                tokens += self.encode('and' if position == len(names) - 1 else ',')
            word = self.wording(name, rng, definitions=position == 0)
            tokens += self.encode(word if name in BACKGROUNDS or word.startswith('a ') else f'a {word}')
        return tokens

    def wording(self, name: str, rng: np.random.Generator, definitions: bool = True) -> str:
        """Mostly the name itself, now and then another word or the definition."""
        variants = self.variants[name]
        if rng.random() < 0.65 or len(variants) == 1:
            return variants[0]
        return variants[rng.integers(1, len(variants) - (not definitions))]

    def prompts(self, rng: np.random.Generator) -> list[tuple[int, ...]]:
        """Each name, in some wording, in one of CLIP's 80 templates; ids."""
        return [self.encode(TEMPLATES[rng.integers(len(TEMPLATES))](self.wording(name, rng))) for name in NAMES]


def encode_text(model: nn.Module, tokens: Tensor) -> Tensor:
    """Unit embeddings of sentences, N x D; as CLIP does it, without the padding that nobody attends to."""
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)[torch.arange(len(x)), tokens.argmax(dim=-1)]
    return F.normalize((x @ model.text_projection).float(), dim=-1)


@torch.no_grad()
def query_embeddings(model: nn.Module, texts: Texts) -> Tensor:
    """Mean over the 80 templates of each name, unit length, len(NAMES) x D."""
    queries = []
    for name in NAMES:
        embeddings = encode_text(model, texts.batch([texts.encode(template(name)) for template in TEMPLATES]))
        queries.append(F.normalize(embeddings.mean(dim=0), dim=0))
    return torch.stack(queries)


# --- model ------------------------------------------------------------------------------------------------------------


class TinyCLIP(nn.Module):
    """The CLIP and the scale and offset of the loss over patches, which are not shipped."""

    def __init__(self, size: int, vocabulary: int) -> None:
        super().__init__()
        vision_cfg = dict(layers=BLOCKS, width=WIDTH, patch_size=16, image_size=size)
        text_cfg = dict(
            context_length=CONTEXT, vocab_size=vocabulary, width=WIDTH, heads=WIDTH // 64, layers=TEXT_BLOCKS
        )
        self.clip = open_clip.CLIP(WIDTH, vision_cfg, text_cfg, quick_gelu=True)
        self.patch_scale = nn.Parameter(torch.tensor(20.0).log())
        self.patch_offset = nn.Parameter(torch.tensor(-6.0))


def block_inputs(visual: nn.Module, images: Tensor) -> dict[int, Tensor]:
    """Inputs of blocks 7, 8, 10 and 12, each N x (1 + L) x WIDTH, by number counted from 1."""
    patches = visual.conv1(images).flatten(2).mT
    cls = visual.class_embedding.expand(len(images), 1, -1)
    x = visual.ln_pre(torch.cat([cls, patches], dim=1) + visual.positional_embedding)
    inputs = {}
    for number, block in enumerate(visual.transformer.resblocks, start=1):
        inputs[number] = x
        if number < BLOCKS:
            x, _ = plain_block(block, x)
    return inputs


def project_out(visual: nn.Module, x: Tensor) -> Tensor:
    """Unit embeddings of tokens."""
    return F.normalize((visual.ln_post(x) @ visual.proj).float(), dim=-1)


def encode_image(visual: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Unit embeddings of pictures by the CLS token, N x D, and of their patches by their own values, N x L x D."""
    x, block = block_inputs(visual, images)[BLOCKS], visual.transformer.resblocks[-1]
    query, key, value = project(block, x)
    cls = x[:, :1] + output(block, F.scaled_dot_product_attention(query[:, :, :1], key, value))
    cls = cls + block.mlp(block.ln_2(cls))
    patches = x[:, 1:] + output(block, value[:, :, 1:])  # identity as attention, no feed-forward
    return project_out(visual, cls[:, 0]), project_out(visual, patches)


def contrast(images: Tensor, captions: Tensor, scale: Tensor, named: Tensor) -> Tensor:
    """Contrastive loss of CLIP, where pictures with equal captions are positives of each other."""
    logits = scale.exp().clamp(max=100) * images @ captions.T
    same = (named[:, None] == named[None]).all(dim=-1).float()
    targets = same / same.sum(dim=-1, keepdim=True)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def presence_loss(logits: Tensor, offset: Tensor, named: Tensor) -> Tensor:
    """Is each name in the caption? From the log-sum-exp of its logits, N x L x names, over the patches."""
    pooled = logits.logsumexp(dim=1) - math.log(logits.shape[1]) + offset
    return F.binary_cross_entropy_with_logits(pooled, named.float())


def competition_loss(logits: Tensor, named: Tensor) -> Tensor:
    """Is each name in the caption? From how surely it wins the patches that it wins most surely.

    As many patches count as a name must cover to be in a caption. Without competition a patch of a boat may resemble
    water as much: both are in the caption, and nothing says that a patch is one of them.
    """
    shares = logits.softmax(dim=-1)
    patches = max(round(NAMED_SHARE * logits.shape[1]), 1)
    won = shares.topk(patches, dim=1).values.mean(dim=1).clamp(1e-4, 1 - 1e-4)
    return F.binary_cross_entropy(won, named.float())


# --- training ---------------------------------------------------------------------------------------------------------


def train_step(model: TinyCLIP, texts: Texts, pictures: Pictures, stage: Stage, rng: np.random.Generator) -> list:
    """Losses of a batch: contrast of captions, presence of names, competition of names."""
    chosen = np.sort(rng.choice(len(pictures.images), stage.batch, replace=False))
    chosen = chosen[pictures.named[chosen].any(axis=1)]
    order = rng.permutation(chosen)
    named = pictures.named[order]
    images = augment(to_tensor(pictures.images[order]), rng)
    captions = texts.batch([texts.caption(one, rng) for one in named])
    prompts = texts.batch(texts.prompts(rng))
    named = torch.from_numpy(named)
    with torch.autocast('cpu', torch.bfloat16, enabled=args.bfloat16 and stage.size == 224):
        cls, patches = encode_image(model.clip.visual, images)
        captions, prompts = encode_text(model.clip, captions), encode_text(model.clip, prompts)
    logits = model.patch_scale.exp().clamp(max=60) * patches @ prompts.T  # N x L x names
    return [
        contrast(cls, captions, model.clip.logit_scale, named),
        presence_loss(logits, model.patch_offset, named),
        competition_loss(logits, named),
    ]


def learning_rate(step: int, stage: Stage) -> float:
    """Linear warm-up, then half a cosine down to a twentieth."""
    warm_up = min(200, stage.steps // 5)
    if step < warm_up:
        return stage.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(stage.steps - warm_up, 1)
    return stage.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model: nn.Module) -> torch.optim.AdamW:
    """AdamW; no decay of gains, offsets and scales."""
    matrices = [value for value in model.parameters() if value.ndim > 1]
    others = [value for value in model.parameters() if value.ndim <= 1]
    groups = [dict(params=matrices, weight_decay=0.05), dict(params=others, weight_decay=0.0)]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


def enlarge_positions(state: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """Parameters for pictures of another size: the positions of patches interpolated bicubically."""
    name, side = 'clip.visual.positional_embedding', size // 16
    cls, patches = state[name][:1], state[name][1:]
    square = patches.T.unflatten(1, (round(len(patches) ** 0.5),) * 2)[None]
    if square.shape[-1] != side:
        square = F.interpolate(square, size=(side, side), mode='bicubic', align_corners=False)
    return {**state, name: torch.cat([cls, square[0].flatten(1).T])}


def save_checkpoint(path: Path, **content: object) -> None:
    """Write so that the path never holds half a checkpoint. The generator of a step derives from seed and step."""
    temporary = path.with_suffix(f'.{os.getpid()}')
    torch.save(content, temporary)
    os.replace(temporary, path)


def save_weights(path: Path, model: TinyCLIP, texts: Texts, metadata: dict[str, object]) -> None:
    """Write the CLIP as float16 with the ids of its cut vocabulary; says how it was made."""
    state = {name: value.detach().half().contiguous() for name, value in model.clip.state_dict().items()}
    state['token_ids'] = torch.tensor(texts.token_ids, dtype=torch.int32)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{os.getpid()}-{path.name}')
    save_file(state, temporary, {'format': 'pt', **{key: str(value) for key, value in metadata.items()}})
    os.replace(temporary, path)


@functools.cache
def evaluation_scenes(size: int) -> tuple[Tensor, Tensor]:
    """Pictures and label maps (used for nothing but evaluation): windows of 224 pixels, resized to `size`."""
    images, labels = [], []
    for seed in range(EVALUATION_SEED, EVALUATION_SEED + 24):
        image, names = render_names(seed, 336, 420)
        window = Image.fromarray(image[56:280, 98:322]).resize((size, size), Image.Resampling.BILINEAR)
        images.append(np.asarray(window))
        labels.append(LABEL_OF_NAME[names[56:280, 98:322]])
    return to_tensor(np.stack(images)), torch.from_numpy(np.stack(labels)).long()


@torch.no_grad()
def evaluate(model: TinyCLIP, texts: Texts, size: int) -> str:
    """MIoU of patches against words for several ways to attend in the last block, without the rest of the method."""
    visual, label_of_name = model.clip.visual, torch.from_numpy(LABEL_OF_NAME).long()
    queries = query_embeddings(model.clip, texts)
    images, truth = evaluation_scenes(size)
    inputs = block_inputs(visual, images)
    figures = []
    blocks = visual.transformer.resblocks
    qkv = {number: project(blocks[number - 1], x) for number, x in inputs.items()}
    outputs = attention_sums(blocks[-1], inputs[BLOCKS], qkv, list(KINDS.values()), {})
    for kind, x in zip(KINDS, outputs):
        tokens = project_out(visual, x[:, 1:])
        field = (tokens @ queries.T).mT.unflatten(-1, (size // 16, size // 16))
        scores = F.interpolate(field, size=truth.shape[-2:], mode='bilinear').mul(60).softmax(dim=1)
        figures.append(f'{kind} {mean_iou(label_of_name[scores.argmax(dim=1)], truth):.1f}')
    return ', '.join(figures)


@torch.no_grad()
def zero_shot_accuracy(model: TinyCLIP, texts: Texts, size: int, scenes: int = 300) -> float:
    """Per cent of pictures with objects where the object that the CLS token resembles most is in the picture."""
    queries, objects = query_embeddings(model.clip, texts), slice(len(BACKGROUNDS), None)
    right, number = 0, 0
    for seed in range(EVALUATION_SEED + 1000, EVALUATION_SEED + 1000 + scenes):
        (images, named), *_ = cut_windows(seed, [Stage(size, 1, 1, 0, windows=1, sides=(190, 300))])
        if named[0, objects].any():
            cls, _ = encode_image(model.clip.visual, to_tensor(images))
            right += named[0, objects][(cls @ queries[objects].T).argmax().item()]
            number += 1
    return 100 * right / number


def mean_iou(labels: Tensor, truth: Tensor) -> float:
    """Per cent, over classes that occur on either side."""
    count = int(LABEL_OF_NAME.max()) + 1
    confusion = torch.bincount((truth * count + labels).flatten(), minlength=count * count).view(count, count)
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    return float((confusion.diagonal() / union)[union > 0].mean()) * 100


def log(message: str) -> None:
    """A line with the time of day."""
    print(f'{time.strftime("%H:%M:%S")} {message}', flush=True)


def command() -> str:
    """The call that makes these weights, without the paths of a machine."""
    parts = ['--seed', args.seed, '--scenes', args.scenes, '--steps', *args.steps]
    return ' '.join(map(str, ['python tools/train_tiny_clip.py', *parts, *['--bfloat16'] * args.bfloat16]))


class Training:
    """State of the training: stage, step, model, optimiser, minutes spent."""

    def __init__(self, stages: Sequence[Stage], texts: Texts) -> None:
        self.stages, self.texts = stages, texts
        self.checkpoint = args.cache_dir / f'{args.out.stem}.checkpoint.pt'
        self.stage, self.step, self.minutes = 0, 0, 0.0
        self.build()
        if self.checkpoint.is_file():
            saved = torch.load(self.checkpoint, weights_only=True)
            self.stage, self.step, self.minutes = saved['stage'], saved['step'], saved['minutes']
            self.build()
            self.model.load_state_dict(saved['model'])
            self.optimizer.load_state_dict(saved['optimizer'])
            log(f'resumed at stage {self.stage}, step {self.step}')

    def build(self) -> None:
        """A fresh model and optimiser for the current stage."""
        torch.manual_seed(args.seed)
        self.model = TinyCLIP(self.stages[self.stage].size, len(self.texts.token_ids))
        self.optimizer = make_optimizer(self.model)

    def run(self, pictures: Sequence[Pictures]) -> None:
        """Train all stages from where they are."""
        while True:
            self.run_stage(self.stages[self.stage], pictures[self.stage])
            if self.stage == len(self.stages) - 1:
                return
            state = self.model.state_dict()
            self.stage, self.step = self.stage + 1, 0
            self.build()
            self.model.load_state_dict(enlarge_positions(state, self.stages[self.stage].size))

    def run_stage(self, stage: Stage, pictures: Pictures) -> None:
        """Train a stage to its end; every few minutes and at the end evaluate and save."""
        started = last = time.monotonic()
        first, before, losses = self.step, self.minutes, []
        with ProgressBar(f'steps at {stage.size} px', stage.steps, self.step) as bar:
            while self.step < stage.steps:
                losses.append(self.take_step(stage, pictures))
                bar.advance()
                self.minutes = before + (time.monotonic() - started) / 60
                if time.monotonic() - last > args.minutes_between * 60 or self.step == stage.steps:
                    rate = (self.step - first) * stage.batch / (time.monotonic() - started)
                    log(f'{stage.size} px, step {self.step}, {rate:.0f} images/s, losses {np.mean(losses, 0).round(3)}')
                    self.save(stage)
                    last, losses = time.monotonic(), []

    def take_step(self, stage: Stage, pictures: Pictures) -> list[float]:
        """One step of the optimiser; the losses."""
        for group in self.optimizer.param_groups:
            group['lr'] = learning_rate(self.step, stage)
        rng = np.random.default_rng(
            (args.seed, self.stage, self.step)
        )  # so a resumed run draws what an unbroken one does
        losses = train_step(self.model, self.texts, pictures, stage, rng)
        self.optimizer.zero_grad(set_to_none=True)
        (losses[0] + losses[1] + stage.compete * losses[2]).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return [float(loss.detach()) for loss in losses]

    def save(self, stage: Stage) -> None:
        """Evaluate, then write checkpoint and weights (at the last size: what is written can always be used)."""
        result = evaluate(self.model, self.texts, stage.size)
        log(f'mIoU of patches: {result}')
        save_checkpoint(
            self.checkpoint,
            stage=self.stage,
            step=self.step,
            minutes=self.minutes,
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
        )
        shipped = TinyCLIP(self.stages[-1].size, len(self.texts.token_ids))
        shipped.load_state_dict(enlarge_positions(self.model.state_dict(), self.stages[-1].size))
        metadata = dict(
            seed=args.seed,
            command=command(),
            steps=json.dumps([stage.steps for stage in self.stages[: self.stage]] + [self.step]),
            minutes=f'{self.minutes:.1f}',
            patch_miou=result,
        )
        save_weights(args.out, shipped, self.texts, metadata)


def print_figures(texts: Texts, size: int) -> None:
    """Of finished weights."""
    model = TinyCLIP(size, len(texts.token_ids))
    state = load_file(args.out)
    state.pop('token_ids')
    model.clip.load_state_dict({name: value.float() for name, value in state.items()})
    log(f'mIoU of patches: {evaluate(model, texts, size)}')
    log(f'zero-shot accuracy: {zero_shot_accuracy(model, texts, size):.1f}')


def main() -> None:
    if min(args.steps) < 1:
        raise UserError(f'--steps {" ".join(map(str, args.steps))}: each must be at least 1')
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # a third faster: the optimiser's averages of rare words sink that low
    stages = (
        Stage(112, 128, args.steps[0], 1e-3, windows=5, sides=(144, 336)),
        Stage(224, 48, args.steps[1], 5e-4, windows=2, sides=(190, 300)),
        Stage(224, 48, args.steps[2], 3e-4, windows=2, sides=(190, 300), compete=1.0),
    )
    texts = Texts(load_bank(args.text_bank))
    if args.evaluate:
        return print_figures(texts, stages[-1].size)
    small, large = load_pictures(args.cache_dir, stages[:2], args.scenes, args.seed, args.threads)
    pictures = (small, large, large)
    training = Training(stages, texts)
    count = sum(value.numel() for value in training.model.clip.parameters())
    log(f'{count} parameters, {len(texts.token_ids)} tokens, {len(small.images)} and {len(large.images)} pictures')
    training.run(pictures)
    log(f'{args.out}: {args.out.stat().st_size} bytes after {training.minutes:.1f} minutes')


if __name__ == '__main__':
    args = parse_args()
    run(main)
