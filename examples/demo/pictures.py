"""Cuts small pictures out of a photograph, and puts pictures side by side on one sheet."""

import argparse
import pathlib

from PIL import Image, ImageDraw

COLUMNS = 8
ROWS = 4
# In pixels, with some overlap, so that each picture has a coin and its surroundings.
WIDTH, HEIGHT = 96, 96
# Above and left of it the table is as bright as some coins.
LEFT, TOP = 32, 100

SHEET_COLUMNS = 6
CELL = 192
CAPTION = 18


def cut(photo, directory):
    """Writes coin-01.png to coin-32.png, row by row."""
    image = Image.open(photo)
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(COLUMNS * ROWS):
        row, column = divmod(number, COLUMNS)
        left = LEFT + round(column * (image.width - WIDTH - LEFT) / (COLUMNS - 1))
        top = TOP + round(row * (image.height - HEIGHT - TOP) / (ROWS - 1))
        picture = image.crop((left, top, left + WIDTH, top + HEIGHT))
        picture.save(directory / f"coin-{number + 1:02}.png")


def contact_sheet(directory, path):
    """Puts all pictures of the directory, in order of their names, on one sheet with the names below them."""
    pictures = sorted(directory.glob("*.png"))
    rows = -(-len(pictures) // SHEET_COLUMNS)
    sheet = Image.new("RGB", (SHEET_COLUMNS * CELL, rows * (CELL + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, SHEET_COLUMNS)
        left, top = column * CELL, row * (CELL + CAPTION)
        thumbnail = Image.open(picture).convert("RGB").resize((CELL - 4, CELL - 4))
        sheet.paste(thumbnail, (left + 2, top + 2))
        pen.text((left + CELL // 2, top + CELL + 1), picture.stem, fill="black", anchor="ma")
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["cut", "sheet"])
    parser.add_argument("source", type=pathlib.Path, help="the photograph, or the directory with the pictures")
    parser.add_argument("destination", type=pathlib.Path, help="the directory for the pictures, or the sheet")
    options = parser.parse_args()
    action = cut if options.mode == "cut" else contact_sheet
    action(options.source, options.destination)


if __name__ == "__main__":
    main()
