"""Make a reference vector for each word of a class list: retrieve images by CLIP, then co-segment them."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from itaclip_mmseg.methods.reco.cosegmentation import column_weights, find_seeds, reference, text_attention
from itaclip_mmseg.models.backbones.clip_image import CLIPImageEncoder
from itaclip_mmseg.models.backbones.clip_resnet import CLIPResNetBackbone
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.backbones.vit import ViTBackbone
from itaclip_mmseg.models.backbones.weights import named_weights, weight_files
from itaclip_mmseg.models.stages.photograph import CLIP, IMAGENET, Statistics, normalise
from itaclip_mmseg.text.classes import ClassList, bank_of
from itaclip_mmseg.utils.depth import rgb_image
from itaclip_mmseg.utils.devices import chosen_device
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import NOT_READ, each_once, files_below
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.progress import ProgressBar, track
from itaclip_mmseg.utils.resources import cache_dir, files_among, written_whole

SUFFIXES = ('.jpg', '.jpeg', '.png')
CHUNK = 256  # images whose embeddings are cached in one file
BATCH = 32  # images per forward pass
SIDE = 224  # pixels, of co-segmented images


def make_references(classes: ClassList, images: Path, out: Path, config: Config, device: str | None = None) -> int:
    """Write a reference for each word of a list of classes, for `model.references.pretrained` of a config.

    Intermediate results are cached, so a run that was killed continues.

    Args:
        classes: in any form that `bank_of` takes.
        images: folder of images to retrieve from, searched recursively: the index.
        out: the file to write, .safetensors.
        config: with `model` (backbone and dense), `retrieval` and `cosegmentation`.
        device: 'cpu', 'cuda:1'; None for the best device available.

    Returns:
        The number of images in the index.

    Raises:
        UserError: classes, images or weights do not fit.
    """
    bank = bank_of(classes)
    if out.suffix != '.safetensors':
        raise UserError(f'{out}: references are saved as .safetensors; use that suffix')
    paths = find_pictures(images)
    weights = [pretrained for _, pretrained in named_weights(config)]
    check_outputs([Output(out)], [*paths, *files_among([bank.path, config.filename, *weights])])
    settings = config.cosegmentation
    sources = {word: settings.same.get(word, word) for word in bank.words}
    wanted = list(dict.fromkeys([*settings.contexts, *sources.values()]))
    init_default_scope('mmseg')
    device = torch.device(chosen_device(device))
    retrieved = retrieve(wanted, paths, settings.pictures, config.retrieval, device)
    vectors = cosegment_all(retrieved, config.model, settings.contexts, device)
    with written_whole(out) as temporary:
        save_file({word: vectors[source].clone() for word, source in sources.items()}, temporary)
    return len(paths)


def find_pictures(folder: Path) -> list[Path]:
    """All images below a folder, sorted; a `UserError` if there is none."""
    if not folder.is_dir():
        raise UserError(f'--images {folder}: no such folder; give the folder of images to retrieve from')
    paths = sorted(path for path in map(Path, each_once(files_below(folder))) if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(
            f'--images {folder}: contains no image ({", ".join(SUFFIXES)}; {NOT_READ}); give the folder of images to '
            'retrieve from'
        )
    return paths


def retrieve(
    words: Sequence[str], paths: Sequence[Path], number: int, config: Config, device: torch.device
) -> dict[str, list[Path]]:
    """For each word, the images most similar to it by CLIP, best first, at most `number`."""
    encoder = MODELS.build({'type': 'CLIPImageEncoder', **config}).to(device)
    texts = encode_words(words, encoder)
    weights, embeddings = identities(weight_files(config)), []
    with ProgressBar('index', len(paths)) as bar:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            parts = ['index', encoder.quick_gelu, *weights, *identities(chunk)]
            embeddings.append(kept(parts, embed, chunk, encoder, device))
            bar.advance(len(chunk))
    nearest = (texts @ torch.cat(embeddings).mT).topk(min(number, len(paths)), dim=1).indices
    return {word: [paths[index] for index in row] for word, row in zip(words, nearest.tolist())}


@torch.no_grad()
def embed(paths: Sequence[Path], encoder: CLIPImageEncoder, device: torch.device) -> Tensor:
    """Unit embeddings of images, N x width."""
    parts = []
    for start in range(0, len(paths), BATCH):
        pictures = read_pictures(paths[start : start + BATCH], encoder.size, InterpolationMode.BICUBIC, CLIP)
        parts.append(encoder(pictures.to(device)).cpu())
    return torch.cat(parts)


def cosegment_all(
    retrieved: dict[str, list[Path]], config: Config, contexts: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    """References D by word: first the contexts, each with the previous ones as context, then the others with all."""
    networks = [
        MODELS.build({'type': kind, **part}).to(device)
        for kind, part in (('ViTBackbone', config.backbone), ('CLIPResNetBackbone', config.dense))
    ]
    texts = encode_words(list(retrieved), networks[1])
    weights = identities(weight_files(dict(backbone=config.backbone, dense=config.dense)))
    vectors: dict[str, Tensor] = {}
    for (word, paths), text in zip(track(list(retrieved.items()), 'references'), texts):
        known = [vectors[name] for name in contexts if name in vectors]
        parts = ['reference', text.tolist(), *(vector.tolist() for vector in known), *weights, *identities(paths)]
        vectors[word] = kept(parts, cosegment, paths, text, known, *networks, device)
    return vectors


@torch.no_grad()
def cosegment(
    paths: Sequence[Path],
    text: Tensor,
    contexts: Sequence[Tensor],
    backbone: ViTBackbone,
    dense: CLIPResNetBackbone,
    device: torch.device,
) -> Tensor:
    """Reference D of what images have in common that matches a text D but not the contexts D."""
    pictures = read_pictures(paths, SIDE, InterpolationMode.BILINEAR, IMAGENET).to(device)
    features = torch.cat([backbone(part) for part in pictures.split(BATCH)])
    embeddings = torch.cat([dense(part) for part in pictures.split(BATCH)])
    attention = text_attention(embeddings, text[None].to(device))[:, 0]
    weights = column_weights(features, attention, [context.to(device) for context in contexts])
    return reference(features, find_seeds(features, weights)).cpu()


def encode_words(words: Sequence[str], network: CLIPImageEncoder | CLIPResNetBackbone) -> Tensor:
    """Unit text embeddings, T x width, from the CLIP of this image tower."""
    tower = (network.arch, network.pretrained, network.quick_gelu)
    return TextEncoder(*tower, templates='imagenet_scene').encode(list(words))


def read_pictures(paths: Sequence[Path], side: int, interpolation: InterpolationMode, statistics: Statistics) -> Tensor:
    """Preprocess images by Pillow, N x 3 x side x side: resize the short side to `side` and crop the centre.

    Raises:
        UserError: an image is not readable.
    """
    pictures = []
    for path in paths:
        try:
            with Image.open(path) as image:
                picture = F.center_crop(F.resize(rgb_image(image, path), side, interpolation), side)
        except (OSError, UnidentifiedImageError) as error:
            raise UserError(f'{path}: not readable as an image; restore or remove it') from error
        pictures.append(np.array(picture))
    return normalise(torch.from_numpy(np.stack(pictures)).movedim(-1, 1), statistics)


def identities(paths: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Path, size and time of each file, to detect changes."""
    return [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def kept(parts: Sequence[object], compute: Callable[..., Tensor], *arguments: object) -> Tensor:
    """Result of `compute`, from the cache by the key `parts`, or computed and cached."""
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    path = cache_dir() / 'references' / f'{digest}.safetensors'
    try:
        return load_file(path)['tensor']
    except (OSError, SafetensorError, KeyError):  # missing or damaged
        tensor = compute(*arguments)
    with written_whole(path) as temporary:
        save_file({'tensor': tensor.contiguous()}, temporary)
    return tensor
