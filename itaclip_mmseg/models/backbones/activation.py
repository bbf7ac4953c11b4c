"""QuickGELU or GELU: weights trained with the one compute other numbers, silently, with the other."""

from collections.abc import Mapping
from typing import NamedTuple

import open_clip


class Activation(NamedTuple):
    """Whether weights need QuickGELU, why, and whether that is a guess."""

    quick_gelu: bool
    reason: str
    guessed: bool = False


def decide_quick_gelu(
    config: Mapping | None, tag: Mapping, from_openai: bool, published: Mapping[str, bool] | None = None, file: str = ''
) -> Activation:
    """QuickGELU by the origin of weights.

    Args:
        config: open_clip's of the architecture; None where the dimensions come from the file.
        tag: open_clip's entry of a tag, empty for a file.
        from_openai: the file is OpenAI's own, by its form.
        published: see `published_activations`.
        file: its name, which may hold a tag.
    """
    published = published or {}
    if config is None:
        return Activation(True, 'dimensions come from the file, as with OpenAI weights')
    if tag:
        return Activation(
            tag.get('quick_gelu', False) or config.get('quick_gelu', False), "open_clip's entry of this tag"
        )
    if from_openai:
        return Activation(True, 'the file is one of OpenAI')
    if config.get('quick_gelu', False) or len(set(published.values())) < 2:
        quick_gelu = config.get('quick_gelu', False) or any(published.values())
        return Activation(quick_gelu, "the architecture's configuration (override with backbone.quick_gelu)")
    named = [one for one in published if one in file.lower().replace('-', '_')]
    if named:
        return Activation(published[max(named, key=len)], f"the file's name has the tag {max(named, key=len)}")
    first = 'openai' if 'openai' in published else next(iter(published))
    return Activation(published[first], f'as the published weights {first!r}', guessed=True)


def published_activations(arch: str) -> dict[str, bool]:
    """QuickGELU by tag, of all weights that open_clip knows of an architecture."""
    tags = open_clip.list_pretrained_tags_by_model(arch)
    return {tag: bool(open_clip.get_pretrained_cfg(arch, tag).get('quick_gelu', False)) for tag in tags}
