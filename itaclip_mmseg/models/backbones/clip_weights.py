"""Read the parameters of a CLIP by open_clip's names, whoever published them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from itaclip_mmseg.models.backbones.checkpoint import StateDict, read_weights
from itaclip_mmseg.models.backbones.transformers_names import from_transformers, is_transformers
from itaclip_mmseg.models.backbones.weights import members

# OpenAI's archives have these in addition to the parameters.
OPENAI_KEYS = ('input_resolution', 'context_length', 'vocab_size')
# Tracing stores the causal mask like a parameter.
NO_PARAMETERS = (*OPENAI_KEYS, 'attn_mask')
VOCABULARY = 49408  # tokens of CLIP's byte-pair encoding

_held: dict[Path, tuple[StateDict, bool]] | None = None  # see `read_once`


@contextmanager
def read_once() -> Iterator[None]:
    """Read each CLIP file only once for both towers while the context is open; its content is freed at the end."""
    global _held
    outer, _held = _held, {} if _held is None else _held
    try:
        yield
    finally:
        _held = outer


def read_state_dict(path: Path) -> tuple[StateDict, bool]:
    """Read a CLIP's parameters as float32, and detect OpenAI's own files (TorchScript, or their extra keys)."""
    if _held is not None and path in _held:
        state, from_openai = _held[path]
        return dict(state), from_openai
    is_torchscript = any('/code/' in name for name in members(path))
    state, from_openai = tidy_names(read_weights(path, is_torchscript), is_torchscript)
    if _held is not None:
        _held[path] = state, from_openai
    return dict(state), from_openai


def tidy_names(state: StateDict, is_torchscript: bool) -> tuple[StateDict, bool]:
    """Rename a CLIP's parameters to open_clip's names and drop OpenAI's extra keys; returns as `read_state_dict`."""
    if is_transformers(state):
        state = from_transformers(state)
    from_openai = is_torchscript or any(name in state for name in OPENAI_KEYS)
    if 'token_ids' in state:
        state['token_embedding.weight'] = full_vocabulary(state['token_embedding.weight'], state.pop('token_ids'))
    return {name: value for name, value in state.items() if name not in NO_PARAMETERS}, from_openai


def full_vocabulary(rows: Tensor, token_ids: Tensor) -> Tensor:
    """Expand the token table of a cut vocabulary (our small weights) to CLIP's full one.

    Rows of unseen tokens are NaN, so that the text encoder can report words that it cannot embed.
    """
    table = torch.full((VOCABULARY, rows.shape[1]), torch.nan)
    table[token_ids.long()] = rows.float()
    return table


def as_in_model(state: StateDict, expected: StateDict) -> None:
    """Give the numbers of CLIP, in place, the model's shape: a scalar in some files, one value in others."""
    for name in ('logit_scale', 'logit_bias'):
        if name in state and name in expected:
            state[name] = state[name].reshape(expected[name].shape)
