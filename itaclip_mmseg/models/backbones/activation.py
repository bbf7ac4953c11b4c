"""Choose QuickGELU or GELU: with the wrong one, weights silently give different numbers."""

from collections.abc import Mapping
from typing import NamedTuple

import open_clip


class Activation(NamedTuple):
    """Whether the weights need QuickGELU, the reason, and whether it is a guess."""

    quick_gelu: bool
    reason: str
    guessed: bool = False


def decide_quick_gelu(
    config: Mapping | None, tag: Mapping, from_openai: bool, published: Mapping[str, bool] | None = None, file: str = ''
) -> Activation:
    """Decide by the origin of the weights whether they need QuickGELU.

    Args:
        config: open_clip's config of the architecture; None if the dimensions are read from the file.
        tag: open_clip's entry of the tag; empty for a file.
        from_openai: the format of the file shows that it is OpenAI's own.
        published: see `published_activations`.
        file: the file name, which may contain a tag.
    """
    published = published or {}
    if config is None:
        return Activation(True, 'dimensions are read from the file, as for OpenAI weights')
    if tag:
        return Activation(
            tag.get('quick_gelu', False) or config.get('quick_gelu', False), "open_clip's entry of this tag"
        )
    if from_openai:
        return Activation(True, 'the file is from OpenAI')
    if config.get('quick_gelu', False) or len(set(published.values())) < 2:
        quick_gelu = config.get('quick_gelu', False) or any(published.values())
        return Activation(quick_gelu, "the architecture's configuration (override with backbone.quick_gelu)")
    named = [one for one in published if one in file.lower().replace('-', '_')]
    if named:
        return Activation(published[max(named, key=len)], f'the file name contains the tag {max(named, key=len)}')
    first = 'openai' if 'openai' in published else next(iter(published))
    return Activation(published[first], f'as the published weights {first!r}', guessed=True)


def published_activations(arch: str) -> dict[str, bool]:
    """Whether QuickGELU is needed, by tag, for all weights that open_clip lists for an architecture."""
    tags = open_clip.list_pretrained_tags_by_model(arch)
    return {tag: bool(open_clip.get_pretrained_cfg(arch, tag).get('quick_gelu', False)) for tag in tags}
