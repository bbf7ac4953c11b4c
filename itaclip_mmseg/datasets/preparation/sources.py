"""The paper's datasets: addresses of their files, the parts that evaluation needs, and their numbers of images."""

from dataclasses import dataclass
from pathlib import Path

from itaclip_mmseg.datasets.preparation.cityscapes import convert_cityscapes
from itaclip_mmseg.datasets.preparation.coco import convert_folder
from itaclip_mmseg.datasets.preparation.remote import PASS_A_COPY, RemoteFile
from itaclip_mmseg.datasets.preparation.segments import convert_context
from itaclip_mmseg.datasets.preparation.steps import Convert, Unpack

VOC, VOC_MIRROR = (f'http://{server}.robots.ox.ac.uk/pascal/VOC' for server in ('host', 'thor'))
COCO = 'http://images.cocodataset.org'
FLICKR = 'photographs: terms of Flickr'
CONTEXT_SPLIT = 'ImageSets/SegmentationContext/val.txt'
COCO_ANNOTATIONS, CITYSCAPES_ANNOTATIONS = 'annotations/val2017', 'gtFine/val'
REGISTER = 'register at cityscapes-dataset.com, download it and pass its folder as --from'


@dataclass(frozen=True)
class Collection:
    """Images and label maps that one or more class lists share.

    Attributes:
        name: name to print.
        images: number of images in the evaluation.
        licence: licence in one line.
        steps: steps from the published files to the folder in the configs, in this order.
    """

    name: str
    images: int
    licence: str
    steps: tuple[Unpack | Convert, ...]

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """The published files, each once."""
        return tuple(dict.fromkeys(step.file for step in self.steps if step.file))


VOC2012_TAR = RemoteFile(
    'VOCtrainval_11-May-2012.tar',
    tuple(f'{server}/voc2012/VOCtrainval_11-May-2012.tar' for server in (VOC, VOC_MIRROR)),
    gigabytes=2.0,
    md5='6cd6e144f989b92b3379bac3b3de84fd',
)
VOC2010_TAR = RemoteFile(
    'VOCtrainval_03-May-2010.tar',
    (f'{VOC}/voc2010/VOCtrainval_03-May-2010.tar',),
    gigabytes=1.3,
    md5='da459979d0c395079b5c75ee67908abb',
)
DETAIL = RemoteFile(
    'trainval_merged.json',
    ('https://codalabuser.blob.core.windows.net/public/trainval_merged.json',),
    gigabytes=0.6,
    md5='3c2d0c0656b7be9eb61928ffe885d8ce',
    remedy=f'it may no longer be published there; {PASS_A_COPY}',
)
COCO_IMAGES = RemoteFile(
    'val2017.zip',
    (f'{COCO}/zips/val2017.zip',),
    gigabytes=0.8,
    size=815_585_330,
    md5='442b8da7639aecaf257c1dceb8ba8c80',
)
# Also the paper's ground truth of COCO-Object; tools/dataset_converters/coco_object.py uses COCO's instances instead.
COCO_MAPS = RemoteFile(
    'stuffthingmaps_trainval2017.zip',
    ('http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/stuffthingmaps_trainval2017.zip',),
    gigabytes=0.7,
)
ADE = RemoteFile(
    'ADEChallengeData2016.zip',
    ('http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip',),
    gigabytes=0.9,
    md5='7328b3957e407ddae1d3cbf487f149ef',
)
CITYSCAPES_IMAGES = RemoteFile('leftImg8bit_trainvaltest.zip', gigabytes=11, remedy=REGISTER)
CITYSCAPES_MAPS = RemoteFile('gtFine_trainvaltest.zip', gigabytes=0.2, remedy=REGISTER)


def context_maps(root: Path, annotation: Path) -> None:
    """Write Pascal Context's label maps and split files."""
    convert_context(annotation, root)


def coco_maps(root: Path, annotation: None) -> None:
    """Write the label maps of COCO-Stuff and COCO-Object from the raw maps."""
    convert_folder(root / COCO_ANNOTATIONS)


def cityscapes_maps(root: Path, annotation: None) -> None:
    """Write the label maps of Cityscapes' 19 classes from those of label ids."""
    convert_cityscapes(root / CITYSCAPES_ANNOTATIONS)


def voc_parts() -> tuple[Unpack, ...]:
    """The split file of Pascal VOC 2012, and the images and label maps that it lists."""
    inside, splits = 'VOCdevkit/VOC2012', 'ImageSets/Segmentation'
    return (
        Unpack(VOC2012_TAR, f'{inside}/{splits}', splits, 'val.txt'),
        Unpack(VOC2012_TAR, f'{inside}/JPEGImages', 'JPEGImages', '*.jpg', f'{splits}/val.txt'),
        Unpack(VOC2012_TAR, f'{inside}/SegmentationClass', 'SegmentationClass', '*.png', f'{splits}/val.txt'),
    )


VOC2012 = Collection('Pascal VOC 2012', 1449, FLICKR, voc_parts())
CONTEXT = Collection(
    'Pascal Context',
    5104,
    FLICKR,
    (
        Convert(context_maps, 'SegmentationClassContext', DETAIL, CONTEXT_SPLIT),
        Unpack(VOC2010_TAR, 'VOCdevkit/VOC2010/JPEGImages', 'JPEGImages', '*.jpg', CONTEXT_SPLIT),
    ),
)
COCO_STUFF = Collection(
    'COCO-Stuff164k',
    5000,
    f'annotations: CC BY 4.0; {FLICKR}',
    (
        Unpack(COCO_IMAGES, 'val2017', 'images/val2017', '*.jpg'),
        Unpack(COCO_MAPS, 'val2017', COCO_ANNOTATIONS, '*[0-9].png'),
        Convert(coco_maps, COCO_ANNOTATIONS),
    ),
)
ADE20K = Collection(
    'ADE20K',
    2000,
    'research and education only',
    (
        Unpack(ADE, 'ADEChallengeData2016/images/validation', 'images/validation', '*.jpg'),
        Unpack(ADE, 'ADEChallengeData2016/annotations/validation', 'annotations/validation', '*.png'),
    ),
)
CITYSCAPES = Collection(
    'Cityscapes',
    500,
    'research only, after registration',
    (
        Unpack(CITYSCAPES_IMAGES, 'leftImg8bit/val', 'leftImg8bit/val', '*/*_leftImg8bit.png'),
        Unpack(CITYSCAPES_MAPS, 'gtFine/val', CITYSCAPES_ANNOTATIONS, '*/*_gtFine_labelIds.png'),
        Convert(cityscapes_maps, CITYSCAPES_ANNOTATIONS),
    ),
)

# By the name of configs/_base_/datasets/NAME.py, which has the folder below `data`.
COLLECTIONS = dict(
    voc21=VOC2012,
    voc20=VOC2012,
    context60=CONTEXT,
    context59=CONTEXT,
    ade20k150=ADE20K,
    cityscapes19=CITYSCAPES,
) | {'coco-object': COCO_STUFF, 'coco-stuff171': COCO_STUFF}
