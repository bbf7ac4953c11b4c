"""The backgrounds of the rendered scenes."""

import numpy as np

from itaclip_mmseg.scenes.shapes import Array
from itaclip_mmseg.scenes.textures import Colour, bricks, mix, noise

# Colours of the backgrounds: two for each look.
BACKGROUND_COLOURS: dict[str, tuple[tuple[Colour, Colour], ...]] = {
    'sky': (((92, 152, 222), (200, 226, 244)), ((60, 118, 200), (190, 214, 236)), ((120, 140, 190), (246, 200, 160))),
    'grass': (((70, 128, 46), (122, 172, 70)), ((92, 138, 50), (156, 186, 90))),
    'sand': (((206, 178, 124), (236, 214, 166)), ((190, 160, 112), (224, 200, 150))),
    'water': (((24, 88, 134), (94, 164, 190)), ((22, 104, 122), (110, 184, 184))),
    'snow': (((216, 226, 240), (250, 252, 255)), ((204, 216, 236), (244, 246, 250))),
    'road': (((74, 74, 78), (104, 104, 108)), ((92, 90, 90), (120, 118, 116))),
    'brick wall': (((206, 190, 174), (158, 74, 56)), ((150, 142, 136), (184, 98, 66))),
    'wood floor': (((112, 70, 38), (184, 126, 76)), ((130, 90, 54), (206, 156, 102))),
}


def background(name: str, height: int, width: int, scale: float, rng: np.random.RandomState) -> Array:
    """Texture of a background, H x W x 3 float32 in [0, 255]; `scale` is the short side of the scene in pixels."""
    colours = BACKGROUND_COLOURS[name]
    first, second = colours[rng.randint(len(colours))]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / scale
    depth = y + 0.25  # patterns on the ground get larger towards the viewer
    fine = rng.uniform(-1, 1, (height, width)).astype(np.float32)
    soft = noise(rng, height, width, int(6 * y[-1, 0] + 2), 5)
    if name == 'sky':
        clouds = np.clip(noise(rng, height, width, int(9 * y[-1, 0] + 2), 6) * 2 - 0.5 + 0.5 * soft, 0, 1)
        return mix(first, second, y * 1.1 + 0.1 * soft) * (1 - 0.7 * clouds[..., None]) + 175 * clouds[..., None]
    if name == 'grass':
        blades = noise(rng, height, width, height // 5, width // 2)
        return mix(first, second, 0.5 + 0.4 * blades + 0.25 * soft + 0.15 * fine)
    if name == 'sand':
        ripples = np.sin(y * 70 / depth + 4 * soft)
        return mix(first, second, 0.5 + 0.18 * ripples + 0.3 * fine + 0.2 * soft)
    if name == 'water':
        waves = np.sin(46 * np.log(depth) + 3.0 * noise(rng, height, width, 14, 9))
        return mix(first, second, 0.4 + 0.3 * waves * (waves > -0.3) + 0.2 * soft + 0.05 * fine)
    if name == 'snow':
        return mix(first, second, 0.6 + 0.6 * soft + 0.12 * fine)
    if name == 'road':
        lane = (np.abs(y - 0.35 - 0.1 * rng.uniform()) < 0.014) & ((x * 4 + rng.uniform()) % 1 < 0.55)
        return np.where(lane[..., None], np.float32((226, 222, 200)), mix(first, second, 0.5 + 0.5 * fine + 0.3 * soft))
    if name == 'brick wall':
        down = rng.uniform(11, 15)
        tone = bricks(x + rng.uniform(), y + rng.uniform(), down / 2.2, down)
        wall = mix(first, second, np.where(tone < 0, 0.0, 1.0))
        return wall * (0.86 + 0.2 * np.maximum(tone, 0.4) + 0.06 * fine)[..., None]
    rows = np.floor(7 * np.log(depth))  # planks of the wood floor
    joint = ((7 * np.log(depth)) % 1 < 0.06) | ((x * 1.6 + rows * 0.37) % 1 < 0.008)
    tone = (rows * 0.37 + np.floor(x * 1.6 + rows * 0.37) * 0.71) % 1
    veins = noise(rng, height, width, height // 2, 6)
    return mix(first, second, 0.35 + 0.4 * tone + 0.25 * veins) * np.where(joint, 0.55, 1.0)[..., None]
