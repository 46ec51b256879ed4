"""The report as Markdown and its tables as LaTeX."""

import html
import re

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{character: rf"\{character}" for character in "&%$#_"},
}


def markdown(content: dict) -> str:
    """Return what `experiments.report.content.gather` returned as Markdown: answer, tables, figures, failures."""
    parts = [f"# {_plain(content['study'])}", *map(_plain, content["sentences"]), "## Leaderboard"]
    parts.append(_table(content["board"]))
    if content["edge"]:
        parts.append(_plain(content["edge"]))
    if content["comparisons"]["rows"]:
        note = f"Paired over seeds, condition − reference, Holm within a data set; {content['conditional']}."
        parts += ["## Comparisons", note, _table(content["comparisons"])]
    if content["compared"]:
        parts.append(f"## Against the study {_plain(content['compared']['name'])}")
        parts.append(_against(content["compared"]))
    parts += ["## Rankings over data sets", _plain(content["across"]["sentence"])]
    if content["baselines"]:
        lines = [
            f"- {row['dataset']}, {row['name']}: {row['error']} (std {row['std']})" for row in content["baselines"]
        ]
        parts += ["## Baselines on the same splits", "\n".join(map(_plain, lines))]
    parts.append("## Figures")
    for figure in content["figures"]:
        parts.append(f"![{_plain(figure['text'])}](figures/{figure['stem']}.png)")
    if content["missing"]:
        parts.append("\n".join(_plain(f"- {item['name']}: {item['reason']}") for item in content["missing"]))
    parts.append("## Failed and diverged")
    lines = [
        f"- {row['name']}, {row['dataset']}, rate {row['rate']}: {row['share']} diverged, seeds {row['seeds']}"
        for row in content["diverged"]
    ]
    lines += [f"- {row['run']} failed: {row['error']}" for row in content["failed"]]
    parts.append("\n".join(map(_plain, lines)) or "None.")
    parts.append("## To train a row again")
    parts.append("\n".join(f"    {row['command']}" for row in content["commands"]))
    return "\n\n".join(parts) + "\n"


def _plain(text):
    """Return text that Markdown shows as it is, on one line."""
    text = html.escape(" ".join(str(text).split()), quote=False)
    text = re.sub(r"([\\`*_\[\]|$])", r"\\\1", text)
    return text


def _table(data):
    lines = [data["columns"], ["---"] * len(data["columns"])]
    lines += [[_plain(cell["text"]) for cell in row["cells"]] for row in data["rows"]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _against(compared):
    """Return the table of the comparison with another study; its last column says what differs."""
    if not compared["rows"]:
        return "The studies have no data set, output and activation in common."
    rows = [{"cells": [*row["cells"], {"text": row["changed"]}]} for row in compared["rows"]]
    return _table({"columns": [*map(_plain, compared["columns"]), "what differs"], "rows": rows})


def latex(data: dict, columns: tuple[str, ...]) -> str:
    """Return some columns of a table of the report, by how their names begin, as LaTeX for the package booktabs."""
    places = [next(place for place, own in enumerate(data["columns"]) if own.startswith(name)) for name in columns]
    numeric = [
        all(
            not isinstance(row["cells"][place]["sort"], str) or row["cells"][place]["sort"] == ""
            for row in data["rows"]
        )
        for place in places
    ]
    lines = [
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
        "\\toprule",
        " & ".join(_escaped(data["columns"][place]) for place in places) + r" \\",
        "\\midrule",
        *(" & ".join(_escaped(row["cells"][place]["text"]) for place in places) + r" \\" for row in data["rows"]),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text):
    return "".join(LATEX.get(character, character) for character in " ".join(text.split()))
