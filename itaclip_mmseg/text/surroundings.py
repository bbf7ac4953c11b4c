"""What may stand around objects in photographs: words for a background that has none of its own."""

SURROUNDINGS = (
    *('ground', 'land', 'grass', 'tree', 'building', 'wall', 'sky', 'lake', 'water', 'river', 'sea', 'railway'),
    *('railroad', 'helmet', 'cloud', 'house', 'mountain', 'ocean', 'road', 'rock', 'street', 'valley', 'bridge'),
)
