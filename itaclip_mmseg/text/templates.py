"""Prompt templates by name; `{}` is replaced by the query word."""

import open_clip

from itaclip_mmseg.utils.errors import UserError

IMAGENET = tuple(template('{}') for template in open_clip.OPENAI_IMAGENET_TEMPLATES)
SCENE = (
    'there is a {} in the scene.',
    'there is the {} in the scene.',
    'this is a {} in the scene.',
    'this is the {} in the scene.',
    'this is one {} in the scene.',
)
SMALL_SET = (
    'itap of a {}.',
    'a bad photo of a {}.',
    'a origami {}.',
    'a photo of the large {}.',
    'a {} in a video game.',
    'art of the {}.',
    'a photo of the small {}.',
    'a photo of many {}.',
    'a photo of {}s.',
)
SIZES = (
    'a clean origami {}.',
    'a photo of a {}.',
    'This is a photo of a {}',
    'There is a {} in the scene',
    'There is the {} in the scene',
    'a photo of a {} in the scene',
    *(f'a photo of a {size} {{}}.' for size in ('small', 'medium', 'large')),
    *(f'This is a photo of a {size} {{}}.' for size in ('small', 'medium', 'large')),
    *(f'There is a {size} {{}} in the scene.' for size in ('small', 'medium', 'large')),
)
TEMPLATES: dict[str, tuple[str, ...]] = {
    'imagenet': IMAGENET,  # the 80 of CLIP's zero-shot classifiers
    'imagenet_scene': IMAGENET + SCENE,  # 85
    'small_set': SMALL_SET,  # 9
    'sizes': SIZES,  # 15
    'photo': ('a photo of a {}.',),
    'photo_bare': ('a photo of a {}',),
    'origami': ('a clean origami {}.',),
    'name': ('{}',),
}


def templates_by_name(name: str) -> tuple[str, ...]:
    """A set of prompt templates.

    Raises:
        UserError: there is no set with this name.
    """
    if name not in TEMPLATES:
        raise UserError(f'templates={name!r}: unknown; allowed: {", ".join(TEMPLATES)}')
    return TEMPLATES[name]
