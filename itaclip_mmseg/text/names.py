"""Names of classes: which one means the background, and how names are compared."""


def is_background(name: str) -> bool:
    """Whether a name means the background: in any case, with spaces or underscores (labelme's '_background_')."""
    return ''.join(name.split()).strip('_').lower() == 'background'


def known_name(name: str) -> str:
    """A class name normalized for comparison: one in MMSegmentation ends with a space."""
    return 'background' if is_background(name) else name.strip()
