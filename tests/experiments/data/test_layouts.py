"""Text files of other programs are read with options, or refused with the options that read them."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest

from experiments.data.sets import load
from tests.experiments.data.examples import table

COLOURS = ("red", "blue", "green")

GOOD = "a,colour,y\n" + "".join(f"{row / 10},{COLOURS[row % 3]},{'uv'[row % 2]}\n" for row in range(40))


@pytest.fixture
def read(tmp_path):
    """Read a text as a file, with options as they are typed after dataset."""

    def read(text, options="", target="y", encoding="utf-8"):
        path = tmp_path / "mine.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        choices = dict(option.split("=", 1) for option in shlex.split(options))
        for key in ("na", "drop", "categories"):
            if key in choices:
                choices[key] = [choices[key]]
        return load("csv", path=str(path), **{"target": target} | choices)

    return read


SEMICOLONS = GOOD.replace(",", ";").replace(".", ",")

SAME = {
    "as it is": (GOOD, ""),
    "a mark before UTF-8": ("\ufeff" + GOOD, ""),
    "lines of Windows": (GOOD.replace("\n", "\r\n"), ""),
    "lines of an old Mac": (GOOD.replace("\n", "\r"), ""),
    "empty lines": (GOOD.replace("\n", "\n\n") + "\n\n", ""),
    "quotes": (GOOD.replace("red", '"red"').replace("colour", '"colour"'), ""),
    "semicolons": (GOOD.replace(",", ";"), "separator=semicolon"),
    "a character": (GOOD.replace(",", "!"), "separator=!"),
    "semicolons and decimal commas": (SEMICOLONS, "separator=semicolon decimal=comma"),
    "tabs": (GOOD.replace(",", "\t"), "separator=tab"),
    "bars": (GOOD.replace(",", "|"), "separator=pipe"),
    "blanks": ("  " + GOOD.replace(",", " \t  ").replace("red", '"red"').replace("\n", " \n"), "separator=space"),
    "a title": ("My own table\n\n" + GOOD, "header=3"),
    "the first line": (GOOD, "header=1"),
    "UTF-16": (GOOD.encode("utf-16"), "encoding=utf-16"),
    "cp1252": (GOOD.encode("cp1252"), "encoding=cp1252"),
}


@pytest.mark.parametrize("name", SAME)
def test_every_layout_gives_the_same_data(name, read):
    text, options = SAME[name]
    assert read(text, options).sha256 == read(GOOD).sha256
    assert not read(text, options).notes


def test_thousands_are_read_as_pandas_reads_them_and_wrong_groups_are_no_numbers(read):
    rows = [f'"{1000 * row + 1234:,}.5",{row % 3}' for row in range(40)]
    data = read("\n".join(["a,y", *rows]), "thousands=comma")
    assert data.inputs[:, 0].tolist() == [1000 * row + 1234.5 for row in range(40)]
    with pytest.raises(ValueError, match=r"column 'a' has numbers, but 1 of 41 cells is no number: '0,5' in line 42"):
        read("\n".join(["a,y", *rows, '"0,5",1']), "thousands=comma")
    european = [f"{1000 * row + 1234:,}".replace(",", ".") + f",5;{row % 3}" for row in range(40)]
    assert read("\n".join(["a;y", *european]), "separator=; decimal=, thousands=.").sha256 == data.sha256


REFUSED = {
    "semicolons": (SEMICOLONS, "add dataset.separator=semicolon dataset.decimal=comma"),
    "quoted headers": (
        GOOD.replace(",", ";").replace("a;colour;y", '"a";"colour";"y"'),
        "add dataset.separator=semicolon",
    ),
    "tabs": (GOOD.replace(",", "\t"), "add dataset.separator=tab"),
    "bars": (GOOD.replace(",", "|"), "add dataset.separator=pipe"),
    "blanks": (GOOD.replace(",", "   "), "add dataset.separator=space"),
    "commas in names": (GOOD.replace(",", ";").replace("colour", "colour, hue"), "add dataset.separator=semicolon"),
    "a spreadsheet's first line": (
        "sep=;\n" + GOOD.replace(",", ";"),
        "add dataset.header=2 dataset.separator=semicolon",
    ),
    "a title": ("My own table\n" + GOOD, "line 1 looks like a title, 'My own table': add dataset.header=2 if line 2"),
    "a title with commas": ("My table,,\n" + GOOD, "add dataset.header=2"),
    "a title above semicolons": ("Mine\n" + GOOD.replace(",", ";"), "add dataset.header=2 dataset.separator=semicolon"),
    "row names": (
        GOOD.replace("\n", "\nr,").removesuffix("r,"),
        "each column needs a name, also that of the row names",
    ),
    "cp1252": (
        GOOD.replace("red", "röd").encode("cp1252"),
        "line 2 is not utf-8 (byte 0xf6): add dataset.encoding=cp1252",
    ),
    "UTF-16": (GOOD.encode("utf-16"), "is written in UTF-16: add dataset.encoding=utf-16"),
    "cp1252 and semicolons": (
        SEMICOLONS.replace("red", "röd").encode("cp1252"),
        "add dataset.encoding=cp1252 dataset.separator=semicolon dataset.decimal=comma, if '0,0;röd;u' is right",
    ),
    "UTF-16 and tabs": (
        GOOD.replace(",", "\t").encode("utf-16"),
        "is written in UTF-16: add dataset.encoding=utf-16 dataset.separator=tab",
    ),
    "no header, numbers": ("6,148,35,1\n1,85,29,0\n8,183,6,1\n" * 9, "line 1 looks like a row (6, 148, 35, 1)"),
    "no header, some": ("39,State,77516,u\n50,Self,83311,v\n38,State,215646,u\n" * 9, "add dataset.header=none"),
    "separators at the ends of rows": (
        GOOD.replace("\n", ",\n").replace("y,", "y", 1),
        "the header needs one at its end",
    ),
    "the header again": (GOOD * 2, "line 42 has the column names again: take it out of the file"),
    "no header, letters": ("p,x,s,n\ne,x,s,y\np,b,s,w\n" * 9, "because its cells occur in their columns again"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_layout_is_refused_with_the_options_that_read_it(name, read):
    text, message = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def test_another_encoding_than_that_of_the_file_is_said_or_refused(read):
    text = GOOD.replace("red", "röd")
    assert read(text, "encoding=cp1252").notes == (
        "the file is also text in UTF-8: with dataset.encoding=utf-8, 'rÃ¶d' would be 'röd'",
    )
    for encoding in ("utf-16", "ascii"):
        with pytest.raises(ValueError, match=f"is not {encoding}.*: add dataset.encoding=utf-8"):
            read(text, f"encoding={encoding}")


def test_without_a_header_columns_have_numbers(read):
    data = read("6,148,35,1\n1,85,29,0\n8,183,6,1\n" * 9, "header=none", target="x4")
    assert (data.features, len(data.inputs), data.classes) == (("x1", "x2", "x3"), 27, ("0", "1"))
    with pytest.raises(ValueError, match="there is no column 'y': allowed: x1, x2, x3, x4"):
        read("6,148,35,1\n1,85,29,0\n8,183,6,1\n" * 9, "header=none")


@pytest.mark.parametrize(
    ("names", "note"),
    [
        ("2001,2002,2003,y", 0),
        ("0,1,2,y", 0),
        ("400.5,410.5,600,y", 1),
        ("a,b,2020,y", 1),
        ("a,2020,2021,y", 1),
        ("a,b,9.5,y", 1),
    ],
)
def test_names_that_are_rising_numbers_are_names(names, note, read):
    rows = "".join(f"{row % 7},{row % 5},{row % 3}.5,{'uv'[row % 2]}\n" for row in range(40))
    data = read(f"{names}\n{rows}")
    assert (list(data.features), len(data.notes)) == (names.split(",")[:3], note)
    assert not read(f"{names}\n{rows}", "header=1").notes


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_that_pandas_gives_to_columns_are_names(first, read):
    names = ",".join(str(number + first) for number in range(5))
    cells = [[(row * factor + 1) % 6 for factor in (1, 5, 7, 11, 13)] for row in range(40)]
    rows = "".join(f"{str(row)[1:-1]},{'uv'[sum(row) % 2]}\n".replace(" ", "") for row in cells)
    data = read(f"{names},y\n{rows}")
    assert (data.features, len(data.inputs)) == (tuple(names.split(",")), 40)
    assert read(f"{names},y\n{rows}", "header=1").sha256 == data.sha256
    with pytest.raises(ValueError, match="line 1 looks like a row"):
        read(f"{names},u\n{rows}", target="u")


def test_a_row_of_two_ascending_numbers_is_no_header(read):
    rows = "".join(f"{row / 40:.3f},{row % 7 + 0.25},{'uv'[row % 2]}\n" for row in range(40))
    with pytest.raises(ValueError, match=r"looks like a row .*, because 0\.637, 0\.881 are like the numbers below"):
        read(f"0.637,0.881,u\n{rows}", target="u")
    assert len(read(f"0.637,0.881,u\n{rows}", "header=none", target="x3").inputs) == 41


def test_blanks_around_names_and_texts_are_left_out_and_said(read):
    data = read(GOOD.replace(",", " , "), target=" y ")
    assert data.sha256 == read(GOOD).sha256
    assert data.notes == (
        "blanks around 3 column names are left out",
        "blanks around the texts of colour, y are left out",
    )


def test_zeros_before_numbers_are_said_or_kept(read):
    text = "zip,a,y\n" + "".join(f"0{row % 4}134,{row % 7}.5,{'uv'[row % 2]}\n" for row in range(40))
    assert read(text).notes == (
        "zeros before the numbers of zip are left out: add 'dataset.categories=[zip]' if they are codes",
    )
    assert read(text, "categories=zip").features[:2] == ("zip=00134", "zip=01134")
    merged = "batch,a\n" + "".join(f"{['1', '01', '2'][row % 3]},{row % 7}.5\n" for row in range(40))
    assert read(merged, target="batch").classes == ("01", "1", "2")


def test_the_markers_that_were_taken_for_missing_are_named(read):
    text = "alley,a,y\n" + "".join(
        f"{['NA', 'Grvl', 'None', ' '][row % 4]},{row % 7}.5,{'uv'[row % 2]}\n" for row in range(40)
    )
    with pytest.raises(ValueError, match=r"alley 30 \(written as 'NA' 10, 'None' 10\)"):
        read(text)
    assert read(text, "missing=category").features[:2] == ("alley=Grvl", "alley=(missing)")


def test_options_of_text_files_are_for_text_files(tmp_path):
    table().to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(ValueError, match=r"dataset\.separator=tab is for text files only"):
        load("csv", path=str(tmp_path / "mine.parquet"), target="y", separator="tab")


@pytest.mark.parametrize("ending", ["tsv", "txt", "data"])
def test_text_files_have_several_endings(ending, tmp_path):
    path = tmp_path / f"mine.{ending}"
    path.write_text(GOOD.replace(",", "\t"))
    with pytest.raises(ValueError, match=r"add dataset\.separator=tab"):
        load("csv", path=str(path), target="y")
    assert len(load("csv", path=str(path), target="y", separator="tab").inputs) == 40


def test_a_wide_file_is_read_in_blocks(tmp_path):
    """A look at each of 3,000 columns by itself took seconds."""
    path = tmp_path / "wide.csv"
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3000))).assign(y=["u", "v"] * 10)
    frame.to_csv(path, index=False)
    data = load("csv", path=str(path), target="y")
    assert data.inputs.shape == (20, 3000)
    assert not data.notes


def test_a_cell_may_hold_a_long_text(read):
    assert len(read(GOOD + f"1.5,{'r' * 200_000},u\n").features) == 5
