"""Words for the surroundings of objects, used for a background without words of its own."""

SURROUNDINGS = (
    *('ground', 'land', 'grass', 'tree', 'building', 'wall', 'sky', 'lake', 'water', 'river', 'sea', 'railway'),
    *('railroad', 'helmet', 'cloud', 'house', 'mountain', 'ocean', 'road', 'rock', 'street', 'valley', 'bridge'),
)
