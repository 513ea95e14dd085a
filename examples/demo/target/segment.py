"""Finds the coins in a grey photograph by a watershed, and writes a picture and a table of them.

As a CLI of Girder's plugin slicer_cli_web it gets its name, Segment, as the first argument, and shows its progress there.
"""

import argparse
import csv
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage import color, filters, io, measure, morphology, segmentation, transform

# Grey values that are certainly table and certainly coin; the watershed decides those in between.
TABLE_BELOW = 30
COIN_ABOVE = 150
SMALLEST_COIN_PIXELS = 100
PICTURE_SCALE = 3
CLI_NAME = "Segment"
MEASURES = ["label", "area", "equivalent_diameter_area", "eccentricity", "intensity_mean", "centroid"]


def say(text):
    print(text, flush=True)


def show_progress(share, doing):
    """Tags of the Slicer execution model, which Girder shows as the progress of the job."""
    if sys.argv[1:2] == [CLI_NAME]:
        print(f"<filter-comment>{doing}</filter-comment><filter-progress>{share}</filter-progress>", flush=True)


def find_coins(photo):
    """Labels the pixels of each coin with a number from 1; the table is 0."""
    say("flooding the edges from the dark and the bright markers")
    markers = np.zeros(photo.shape, dtype=np.int32)
    markers[photo < TABLE_BELOW] = 1
    markers[photo > COIN_ABOVE] = 2
    is_coin = segmentation.watershed(filters.sobel(photo), markers) == 2
    is_coin = ndimage.binary_fill_holes(is_coin)
    is_coin = morphology.remove_small_objects(is_coin, max_size=SMALLEST_COIN_PIXELS)
    return measure.label(is_coin)


def write_picture(path, photo, labels):
    """Writes the enlarged photograph with the colour, outline and number of each coin."""
    size = tuple(PICTURE_SCALE * length for length in photo.shape)
    large_photo = transform.resize(photo, size, order=3)
    large_labels = np.kron(labels, np.ones((PICTURE_SCALE, PICTURE_SCALE), dtype=labels.dtype))
    coloured = color.label2rgb(large_labels, large_photo, alpha=0.3, bg_label=0)
    outlined = segmentation.mark_boundaries(coloured, large_labels, color=(1, 1, 0))
    picture = Image.fromarray((np.clip(outlined, 0, 1) * 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=28)
    for coin in measure.regionprops(labels):
        row, column = (PICTURE_SCALE * place for place in coin.centroid)
        pen.text(
            (column, row), str(coin.label), font=font, anchor="mm", stroke_width=3, stroke_fill="black"
        )
    picture.save(path)


def write_table(path, photo, labels):
    """Writes one line of measures, in pixels, for each coin."""
    columns = measure.regionprops_table(labels, photo, properties=MEASURES)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for values in zip(*columns.values()):
            writer.writerow([f"{value:.4g}" if isinstance(value, np.floating) else value for value in values])


def main():
    arguments = sys.argv[2:] if sys.argv[1:2] == [CLI_NAME] else sys.argv[1:]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", help="a grey photograph of bright coins on a dark table")
    parser.add_argument("--picture", required=True, help="path of the picture (PNG)")
    parser.add_argument("--table", required=True, help="path of the table (CSV)")
    options = parser.parse_args(arguments)

    show_progress(0.1, "reading the photograph")
    say(f"reading {options.photo}")
    photo = io.imread(options.photo, as_gray=False)
    say(f"{photo.shape[1]} x {photo.shape[0]} pixels, grey values {photo.min()} to {photo.max()}")
    show_progress(0.3, "finding the coins")
    labels = find_coins(photo)
    say(f"found {labels.max()} coins")
    show_progress(0.6, "drawing the picture")
    say(f"drawing {options.picture}")
    write_picture(options.picture, photo, labels)
    say(f"measuring into {options.table}")
    write_table(options.table, photo, labels)
    say("done")


if __name__ == "__main__":
    main()
