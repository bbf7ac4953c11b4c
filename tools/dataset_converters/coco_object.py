"""Make label maps of COCO-Object from COCO's instance annotations.

python tools/dataset_converters/coco_object.py instances_val2017.json --out data/coco_stuff164k/annotations/val2017
"""

import argparse
from pathlib import Path

from itaclip_cli import add_worker_argument
from itaclip_mmseg.datasets.preparation.segments import convert_instances
from itaclip_mmseg.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('instances', type=Path, help='instances_val2017.json')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder for the label maps: data/coco_stuff164k/annotations/val2017'
    )
    add_worker_argument(parser)
    args = parser.parse_args()
    convert_instances(args.instances, args.out, args.workers).report()


if __name__ == '__main__':
    run(main)
