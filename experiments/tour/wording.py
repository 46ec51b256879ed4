"""Numbers in words, for sentences and figures."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def percent(share: float, digits: int = 0) -> str:
    """Return a share in per cent, such as "12.5 %"."""
    return f"{100 * share:.{digits}f} %"


def times(ratio: float) -> str:
    """Return a ratio with two digits, such as "23,000"."""
    return f"{float(f'{ratio:.2g}'):,.{0 if ratio >= 10 else 1}f}"


def scientific(value: float) -> str:
    """Return a small number with one digit, such as "3 · 10⁻⁷"."""
    digit, _, power = f"{value:.0e}".partition("e")
    return f"{digit} · 10{str(int(power)).translate(RAISED)}"


def signed(value: float, form: str = "g") -> str:
    """Return a number with a minus sign that is as wide as a plus sign; zero has none."""
    text = f"{value:{form}}"
    return text.replace("-", "−" if float(text) else "", 1)
