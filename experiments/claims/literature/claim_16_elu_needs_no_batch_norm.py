"""Claim 16: ELU without batch norm has a lower test error than ReLU with it, and batch norm improves ELU less."""

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims.drawings import label
from experiments.claims.registry import Claim
from experiments.claims.several import (
    RULE,
    Statement,
    draw_statements,
    errors_by_dataset,
    judge_statements,
    lower,
    measures,
    notes,
    together,
)
from experiments.claims.studies import Protocol, train_all
from experiments.claims.tables import final_errors, tuned, with_net
from experiments.claims.verdicts import Verdict

STUDY = "clevert_2015_batchnorm"
PRESETS = (STUDY, *(f"{STUDY}_{part}" for part in ("leaky", "layer", "dropout", "residual")))
ACTIVATIONS = ("relu", "leaky_relu", "elu", "shifted_relu")
RECIPES = ("plain", "batch norm", "layer norm", "dropout", "residual")
CHANGE = "batch norm's change of"


def measure(protocol: Protocol) -> pd.DataFrame:
    """Train and return `errors_by_recipe`."""
    return errors_by_recipe(train_all(PRESETS, protocol).replicas)


def errors_by_recipe(replicas: pd.DataFrame) -> pd.DataFrame:
    """Return dataset, activation, recipe, seed, test_error at tuned rates, and the facts of each row."""
    rows = with_net(tuned(replicas))
    norms = rows["norm"].map({"none": "plain", "batch": "batch norm", "layer": "layer norm"})
    recipes = norms.mask(rows["dropout"] > 0, "dropout").mask(rows["residual"], "residual")
    return final_errors(rows.assign(recipe=recipes), "dataset", "activation", "recipe")


def changes(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by data set how batch norm changes each activation's test error; `none` is 0."""
    return {
        dataset: pd.DataFrame(
            {name: wide[f"{name}, batch norm"] - wide[f"{name}, plain"] for name in ACTIVATIONS}
        ).assign(none=0.0)
        for dataset, wide in errors_by_dataset(table, "activation", "recipe").items()
    }


def statements(table: pd.DataFrame) -> dict[str, Statement]:
    """Return what the claim says: two statements about differences of test errors."""
    errors, ratio = errors_by_dataset(table, "activation", "recipe"), table["test_to_train"].iloc[0]
    by_norm = changes(table)
    return {
        "ELU without batch norm is better than ReLU with it": lower(
            errors, ratio, "ELU plain − ReLU batch norm", "elu, plain", "relu, batch norm"
        ),
        "batch norm improves ReLU and leaky ReLU, and ELU less than ReLU": together(
            *(lower(by_norm, ratio, f"{CHANGE} {label(name)}", name, "none") for name in ("relu", "leaky_relu")),
            lower(by_norm, ratio, "change of ReLU − change of ELU", "relu", "elu"),
        ),
    }


def leads(table: pd.DataFrame) -> dict[str, Statement]:
    """Return ELU − ReLU with each recipe."""
    errors, ratio = errors_by_dataset(table, "activation", "recipe"), table["test_to_train"].iloc[0]
    return {
        recipe: lower(errors, ratio, f"ELU − ReLU, {recipe}", f"elu, {recipe}", f"relu, {recipe}") for recipe in RECIPES
    }


def judge(table: pd.DataFrame) -> Verdict:
    """Judge both statements; batch norm's other changes, and ELU's lead with each recipe, stand beside them."""
    remark = notes(table, "test_error", "dataset", "activation", "recipe")
    by_norm, ratio = changes(table), table["test_to_train"].iloc[0]
    others = [lower(by_norm, ratio, f"{CHANGE} {label(name)}", name, "none") for name in ("elu", "shifted_relu")]
    return judge_statements(statements(table), any, measures(*others, *leads(table).values()), remark)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the differences that decide."""
    return draw_statements(statements(table), "difference of test errors (points);\nnegative: as claimed")


def draw_leads(table: pd.DataFrame) -> Figure:
    """Draw ELU − ReLU with each recipe, which shows whether the difference survives it."""
    return draw_statements(leads(table), "difference of test errors (points);\nnegative: ELU is better")


CLAIM = Claim(
    text="ELU without batch norm outperforms ReLU with it; batch norm improves ReLU and leaky ReLU, and ELU less",
    source="Clevert et al. 2015, abstract and section 4.2",
    threshold="digits, mnist5k and breast_cancer, 8×128; test errors: (1) ELU plain − ReLU batch norm < 0; (2) the "
    f"change by batch norm < 0 for ReLU, < 0 for leaky ReLU, and lower for ReLU than for ELU; {RULE}; both: "
    "reproduced; one of two: partial",
    effect="a figure without these numbers; without batch norm ELU is 2.81 points better than ReLU on CIFAR-100",
    presets=PRESETS,
    measure=measure,
    judge=judge,
    drawings={"": draw, "-recipes": draw_leads},
)
