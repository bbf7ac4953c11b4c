"""From an architecture and a tag or file to a CLIP model with its weights, or to one line that says why not."""

import contextlib
import difflib
import functools
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import open_clip
import torch
from mmengine.logging import MMLogger
from open_clip.pretrained import download_pretrained
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from itaclip_mmseg.models.backbones.transformers_names import from_transformers, is_transformers
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find

BUNDLED = {'tiny': Path(__file__).parents[2] / 'assets' / 'tiny_clip.safetensors'}
# OpenAI's archives carry these beside the parameters.
OPENAI_KEYS = ('input_resolution', 'context_length', 'vocab_size')
# Tracing saves the causal mask as if it were a parameter.
NO_PARAMETERS = (*OPENAI_KEYS, 'attn_mask')
VOCABULARY = 49408  # tokens of CLIP's byte-pair encoding
# Where files that no package downloads come from, by their name.
SOURCES = {
    'dino_deitsmall8_300ep_pretrain.pth': (
        'https://dl.fbaipublicfiles.com/dino/dino_deitsmall8_300ep_pretrain/dino_deitsmall8_300ep_pretrain.pth, 87 MB'
    ),
    'decoder_weights.pt': 'data/weights in github.com/valeoai/FOUND, 3 kB',
    'deit_s_sin_dist.pth': (
        'release v0 of github.com/Muzammal-Naseer/Intriguing-Properties-of-Vision-Transformers, 90 MB'
    ),
    'tcl.safetensors': ('tcl.pth of the release v1.0.0 of github.com/kakaobrain/tcl, by tools/convert_weights.py'),
    'group_vit_gcc_yfcc_30e.safetensors': (
        'group_vit_gcc_yfcc_30e-879422e0.pth in the README of github.com/xvjiarui/GroupViT, by tools/convert_weights.py'
    ),
    'group_vit_gcc_redcap_30e.safetensors': (
        'group_vit_gcc_redcap_30e-3dd09a76.pth in the README of github.com/xvjiarui/GroupViT, '
        'by tools/convert_weights.py'
    ),
}

StateDict = dict[str, Tensor]

_held: dict[Path, tuple[StateDict, bool]] | None = None  # see `read_once`


@contextmanager
def read_once() -> Iterator[None]:
    """Within, a file of a CLIP is read once for both towers; what it holds is freed at the end."""
    global _held
    outer, _held = _held, {} if _held is None else _held
    try:
        yield
    finally:
        _held = outer


def load_clip(arch: str | None, pretrained: str | None, quick_gelu: bool | None = None) -> nn.Module:
    """Build open_clip's CLIP, both towers, in float32 on the CPU.

    Args:
        arch: open_clip's model name; None reads the dimensions from the weights (OpenAI's names, heads = width / 64).
        pretrained: a tag of open_clip for `arch`, a path to weights, or 'tiny'. A path may hold an OpenAI TorchScript
            archive, a .safetensors file, or what `torch.save` wrote of a state dict. None: random weights, the same at
            every call, to measure time and memory with.
        quick_gelu: None decides by origin: the tag's own entry; for files yes for a TorchScript archive, for OpenAI's
            extra keys and for `arch=None`, else what open_clip's configuration of `arch` says.

    Raises:
        UserError: unknown architecture or tag, missing, damaged or other weights.
    """
    config = None if arch is None else model_config(arch)
    if pretrained is None:
        return random_clip(config, quick_gelu)
    path = weights_file(arch, pretrained)
    state, from_openai = read_state_dict(path)
    if quick_gelu is None:
        tag = {} if arch is None else open_clip.get_pretrained_cfg(arch, str(pretrained))
        quick_gelu, reason = decide_quick_gelu(config, tag, from_openai)
    else:
        reason = 'as configured'
    log_once(f'weights: {pretrained} ({arch or "dimensions from the file"}), quick_gelu={quick_gelu}: {reason}')
    model = build_clip(config or config_from_weights(state, path), quick_gelu)
    load_strictly(model, state, path, arch)
    return model.eval()


def build_clip(config: dict, quick_gelu: bool) -> nn.Module:
    """open_clip's model of a configuration, its weights as chance makes them."""
    model_class = open_clip.CustomTextCLIP if config.pop('custom_text', False) else open_clip.CLIP
    return model_class(**{**config, 'quick_gelu': quick_gelu})


def random_clip(config: dict | None, quick_gelu: bool | None) -> nn.Module:
    """A CLIP with random weights, the same at every call; the caller's random numbers are left as they are."""
    if config is None:
        raise UserError('backbone.arch=None, pretrained=None: neither names a model; name an arch, such as ViT-B-16')
    MMLogger.get_current_instance().warning('backbone.pretrained=None: random weights, for measuring time alone')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_clip(config, config.get('quick_gelu', False) if quick_gelu is None else quick_gelu).eval()


def load_visual(arch: str | None, pretrained: str, quick_gelu: bool | None = None, tower: str = 'ViT') -> nn.Module:
    """CLIP's image tower alone, frozen; a `UserError`, before weights are read if possible, unless it is a `tower`.

    Args:
        arch, pretrained, quick_gelu: see `load_clip`.
        tower: 'ViT' or 'ResNet'.
    """
    if arch is not None:
        check_tower(model_config(arch), tower, arch)
    clip = load_clip(arch, pretrained, quick_gelu)
    is_resnet = isinstance(clip.visual, open_clip.modified_resnet.ModifiedResNet)
    check_tower(dict(vision_cfg=dict(layers=[] if is_resnet else 1)), tower, pretrained)
    return clip.visual.requires_grad_(False).eval()


def check_tower(config: dict, tower: str, name: str) -> None:
    """Raise a `UserError` if a CLIP's image tower is none of this kind; its layers are one number, or four a ResNet."""
    found = 'ViT' if isinstance(config['vision_cfg']['layers'], int) else 'ResNet'
    if found != tower:
        example = dict(ViT='ViT-B-16', ResNet='RN50x16')[tower]
        raise UserError(f'arch {name}: its image tower is a {found}, and a {tower} is needed here; try {example}')


def without_file(config: Mapping) -> dict:
    """The config of a network of CLIP's with random weights, to measure with; its texts are random too."""
    if config.get('arch', '') is None:
        raise UserError('backbone.arch=None: no dimensions to make random weights of; name an arch')
    return dict(config, pretrained=None, quick_gelu=config.get('quick_gelu') is not False)


@functools.cache
def log_once(message: str) -> None:
    """Log a line the first time it comes up: both towers come from one file."""
    MMLogger.get_current_instance().info(message)


def model_config(arch: str) -> dict:
    """open_clip's configuration of a CLIP with a plain ViT or a ModifiedResNet, or a `UserError`."""
    config = open_clip.get_model_config(arch)
    if config is None:
        close = difflib.get_close_matches(arch, open_clip.list_models())
        raise UserError(f'backbone.arch={arch!r}: not a model of open_clip; try {", ".join(close or ["ViT-B-16"])}')
    vision, text = config['vision_cfg'], config['text_cfg']
    plain = not vision.keys() & {'timm_model_name', 'attentional_pool', 'pool_type', 'output_tokens'}
    if not plain or 'hf_model_name' in text:
        raise UserError(
            f"backbone.arch={arch!r}: not a CLIP with OpenAI's image and text towers; try ViT-B-16 or ViT-L-14"
        )
    return config


def weights_file(arch: str | None, pretrained: str) -> Path:
    """The file behind a tag (downloaded by open_clip if need be) or a path."""
    if pretrained in BUNDLED:
        return BUNDLED[pretrained]
    if arch is None or not open_clip.is_pretrained_cfg(arch, str(pretrained)):
        tags = '' if arch is None else ', '.join(open_clip.list_pretrained_tags_by_model(arch))
        source = SOURCES.get(Path(pretrained).name)
        hint = (f' (get it from {source})' if source else '') + (f'; tags of {arch}: {tags}' if tags else '')
        return find(pretrained, f'weights file{hint}')
    try:
        return Path(download_pretrained(open_clip.get_pretrained_cfg(arch, pretrained)))
    except Exception as error:  # whatever the network and the hub's client raise
        raise UserError(
            f'backbone.pretrained={pretrained!r}: download failed ({first_line(error)}); without a network, '
            'copy the weights here and set model.backbone.pretrained to their path'
        ) from error


def weight_files(model: Mapping) -> list[Path]:
    """The files behind all `pretrained` keys of a model's config, wherever they stand in it.

    One that is missing is left out: it is named where it is read, by a network that knows where it is to be had.
    """
    files = []
    for arch, pretrained in named_weights(model):
        with contextlib.suppress(UserError):
            files.append(weights_file(arch, pretrained))
    return files


def named_weights(model: Mapping) -> Iterator[tuple[str | None, str]]:
    """The `pretrained` keys of a model's config, wherever they stand in it, each with the `arch` beside it."""
    for key, value in model.items():
        if key == 'pretrained' and value is not None:
            yield model.get('arch'), value
        elif isinstance(value, Mapping):
            yield from named_weights(value)


def read_state_dict(path: Path) -> tuple[StateDict, bool]:
    """Read a CLIP's parameters, as float32, and whether the file is OpenAI's own (TorchScript, or its extra keys)."""
    if _held is not None and path in _held:
        state, from_openai = _held[path]
        return dict(state), from_openai
    is_torchscript = any('/code/' in name for name in members(path))
    state, from_openai = tidy_names(read_weights(path, is_torchscript), path, is_torchscript)
    if _held is not None:
        _held[path] = state, from_openai
    return dict(state), from_openai


def members(path: Path) -> list[str]:
    """Names of the files in a zip archive; none of a file that is none, or a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return []


def read_weights(path: Path, is_torchscript: bool = False) -> object:
    """What a file of weights holds, on the CPU: .safetensors, or what `torch.save` wrote, of tensors alone.

    Raises:
        UserError: damaged, or more in it than tensors and plain containers.
    """
    try:
        if is_torchscript:
            return read_torchscript(path)
        if path.suffix == '.safetensors':
            return load_file(path)
        return torch.load(path, map_location='cpu', weights_only=True)
    except (RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        if isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path):
            raise UserError(
                f'{path}: holds more than tensors, and reading that could run code out of it; '
                f'run python tools/convert_weights.py {path} {path.with_suffix(".safetensors")} and name its result'
            ) from error
        megabytes = path.stat().st_size / 1e6
        raise UserError(
            f'{path}: not readable as weights ({megabytes:.1f} MB: {first_line(error)}); download it again'
        ) from error


def read_parameters(path: Path, key: str) -> StateDict:
    """A network's parameters by name, as float32; under `key` where the file has it.

    Raises:
        UserError: damaged, or no state dict.
    """
    state = read_weights(path)
    state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f'{path}: holds no state dict, bare or under "{key}"; give the file as it was published')
    return {name: value.float() for name, value in state.items()}


def read_torchscript(path: Path) -> StateDict:
    """Copy the tensors out of an OpenAI archive; none of the code in it is run, though loading it compiles it.

    For archives of doubtful origin use the same weights as safetensors (open_clip's tag 'openai' downloads those).
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch.jit.load is deprecated, and there is no other reader
        return torch.jit.load(path, map_location='cpu').state_dict()


def tidy_names(state: object, path: Path, is_torchscript: bool) -> tuple[StateDict, bool]:
    """Unwrap training checkpoints and prefixes, drop OpenAI's extra keys; see `read_state_dict` for the result."""
    if isinstance(state, dict) and isinstance(state.get('state_dict'), dict):
        state = state['state_dict']
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f'{path}: holds no state dict; give a file with the parameters of a CLIP by name')
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    if is_transformers(state):
        state = from_transformers(state)
    from_openai = is_torchscript or any(name in state for name in OPENAI_KEYS)
    if 'token_ids' in state:
        state['token_embedding.weight'] = full_vocabulary(state['token_embedding.weight'], state.pop('token_ids'))
    return {name: as_float(value) for name, value in state.items() if name not in NO_PARAMETERS}, from_openai


def as_float(value: Tensor) -> Tensor:
    """In float32, unless it counts something (the batches that a batch norm has seen)."""
    return value.float() if value.is_floating_point() else value


def full_vocabulary(rows: Tensor, token_ids: Tensor) -> Tensor:
    """CLIP's whole token table from the rows of a cut vocabulary (our small weights).

    Tokens the weights never saw are NaN, so that the text encoder can name the words it cannot embed.
    """
    table = torch.full((VOCABULARY, rows.shape[1]), torch.nan)
    table[token_ids.long()] = rows.float()
    return table


def decide_quick_gelu(config: dict | None, tag: dict, from_openai: bool) -> tuple[bool, str]:
    """QuickGELU by origin, and the reason: weights trained with it compute other numbers, silently, without it."""
    if config is None:
        return True, 'dimensions come from the file, as with OpenAI weights'
    if tag:
        return tag.get('quick_gelu', False) or config.get('quick_gelu', False), "open_clip's entry of this tag"
    if from_openai:
        return True, 'the file is one of OpenAI'
    return config.get('quick_gelu', False), "the architecture's configuration (override with backbone.quick_gelu)"


def config_from_weights(state: StateDict, path: Path) -> dict:
    """Dimensions of both towers, read from parameter shapes as OpenAI's own loader does (heads = width / 64)."""
    try:
        text_width = len(state['ln_final.weight'])
        return dict(
            embed_dim=state['text_projection'].shape[1],
            vision_cfg=(resnet_from_weights if 'visual.layer1.0.conv1.weight' in state else vit_from_weights)(state),
            text_cfg=dict(
                context_length=len(state['positional_embedding']),
                vocab_size=len(state['token_embedding.weight']),
                width=text_width,
                heads=text_width // 64,
                layers=depth(state, 'transformer.resblocks.'),
            ),
        )
    except KeyError as error:
        raise UserError(f'{path}: lacks {error.args[0]}, so it is no CLIP with a ViT; name another file') from error


def vit_from_weights(state: StateDict) -> dict:
    """Dimensions of an image tower that is a ViT."""
    width, _, patch_size, _ = state['visual.conv1.weight'].shape
    side = round((len(state['visual.positional_embedding']) - 1) ** 0.5)
    layers = depth(state, 'visual.transformer.resblocks.')
    return dict(layers=layers, width=width, patch_size=patch_size, image_size=patch_size * side)


def resnet_from_weights(state: StateDict) -> dict:
    """Dimensions of an image tower that is a ModifiedResNet: output stride 32, its first block half as wide."""
    side = round((len(state['visual.attnpool.positional_embedding']) - 1) ** 0.5)
    layers = [depth(state, f'visual.layer{number}.') for number in (1, 2, 3, 4)]
    return dict(layers=layers, width=2 * len(state['visual.conv1.weight']), patch_size=None, image_size=32 * side)


def depth(state: StateDict, prefix: str) -> int:
    """How many numbered blocks there are below a prefix."""
    return len({name.removeprefix(prefix).split('.')[0] for name in state if name.startswith(prefix)})


def load_strictly(model: nn.Module, state: StateDict, path: Path, arch: str | None) -> None:
    """Load every parameter, or raise a `UserError` that names the first one that does not fit."""
    expected = model.state_dict()
    for name in ('logit_scale', 'logit_bias'):  # a scalar in some files, one number in others
        if name in state and name in expected:
            state[name] = state[name].reshape(expected[name].shape)
    # A batch norm's count of batches means nothing here, and some files lack it.
    expected = {name: value for name, value in expected.items() if name in state or 'num_batches_tracked' not in name}
    if faults := state_faults(state, expected):
        more = f' and {len(faults) - 1} more' if len(faults) > 1 else ''
        raise UserError(
            f'{path}: weights of another architecture than {arch or "its dimensions say"} ({faults[-1]}{more}); '
            'set backbone.arch to theirs, or to None to read it from the file'
        )
    model.load_state_dict(state)


def state_faults(state: StateDict, expected: StateDict) -> list[str]:
    """In what a state dict differs from the one that is expected: names and shapes, a phrase each."""
    faults = [f'lacks {name}' for name in expected if name not in state]
    faults += [f'has {name}, which it does not' for name in state if name not in expected]
    return faults + [
        f'{name} is {tuple(state[name].shape)}, not {tuple(value.shape)}'
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
