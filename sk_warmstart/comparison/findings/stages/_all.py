"""All stages, in the order of the report."""

from __future__ import annotations

import pandas as pd

from ..._names import INCUMBENT
from ._baseline import baseline_table
from ._budgets import budget_table, read_budgets
from ._classes import class_table
from ._consistency import consistency_table, read_consistency
from ._cost import cost_table
from ._incumbent import incumbent_table
from ._perturbation import perturbation_table, read_perturbation
from ._stage import Runs, Stage
from ._trajectories import trajectory_table
from ._updates import update_table

# In the order of the report.
STAGES = (
    Stage(
        "baseline",
        "Cold, phase by phase",
        "What a fresh draw reaches: the reference of what follows.",
        baseline_table,
    ),
    Stage(
        "runs",
        "Every arm, phase by phase",
        "Test scores at the end, scores before the first step, and test scores after a part of the epochs that "
        "cold took: of the last epoch by then whose weights were kept (0, 1, 2, 4, 8, ... and the last), which an "
        "arm need not return. A gain is over cold with the same budget, ± half its interval over replicates.",
        budget_table,
        conclusion=read_budgets,
    ),
    Stage(
        "trajectories",
        "The way through the weights",
        "Means over runs. Distances are Euclidean, over all parameters: from the start of the fit, and from the "
        "weights that the lineage first began with.",
        trajectory_table,
        by_arm=True,
    ),
    Stage(
        "consistency",
        "Runs from one start",
        "The last phase of the first replicate, fitted again and again from the same start on the same rows, with "
        "other draws: standard deviation of the scores, mean share of test rows that two runs predict differently "
        "(of numbers the root mean square difference, by the target's standard deviation), and mean distance of "
        "their weights by their length; each by cold's, with an interval (Pitman and Morgan's for scores, of runs "
        "of equal seeds; a jackknife over runs for the others). Over-concentrated says in what an arm differs "
        "less than cold, scores or predictions, by those tests after Holm's adjustment: starts that all end in "
        "one place may have stopped exploring. Weights are left out of that, as runs from one start share it. It "
        "holds for this split; beside it stands the spread over replicates, which differ in their splits too.",
        consistency_table,
        by_arm=True,
        conclusion=read_consistency,
    ),
    Stage(
        "updates",
        "What new data did to what was known",
        "Backward transfer is how later phases changed the score on earlier test rows; forgetting how far it fell "
        "below its best. A negative flip is a test row of the phase before that was right and is wrong now. Where "
        "windows roll, the rows that test one phase train the next, and are held out no more.",
        update_table,
        by_arm=True,
    ),
    Stage(
        "classes",
        "Class by class",
        "Recall of each class in the last phase, and its change against cold in the same replicate: a gain in the "
        "mean may hide a class that is lost. sd: standard deviation over replicates.",
        class_table,
    ),
    Stage(
        "incumbent",
        "Against the incumbent",
        "Each way to retrain against keeping the old model as it is, in the same replicate, judged as the gain "
        "over cold is. Negative flips: share of the test rows that the incumbent has right and the arm wrong; "
        "positive flips: the other way round.",
        incumbent_table,
    ),
    Stage(
        "cost",
        "Cost",
        "Means a fit; samples include those that making the start took. In a pack, seconds are a fit's share. "
        "Epochs and samples to the target are of the runs that reached it.",
        cost_table,
        by_arm=True,
    ),
    Stage(
        "perturbation",
        "Under noise on the weights",
        "Noise of this size, relative to each tensor's root mean square. On the weights that a fit inherits, "
        "before its policy acts, and then trained as usual (the last phase of the first replicate): score, its "
        "standard deviation, how far predictions differ from those of the run of the same seed without noise, and "
        "the change of the score against that run with its interval over draws. On the final weights, without "
        "training: how much the score falls, with an interval over replicates; flat minima lose little.",
        perturbation_table,
        conclusion=read_perturbation,
    ),
)


def stage_tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """Summarise the runs stage by stage; the last table holds the verdicts."""
    arms = list(runs.gain.index)
    tables = {}
    for stage in STAGES:
        if stage.name == "incumbent" and not runs.results["arm"].eq(INCUMBENT).any():
            continue
        table = stage.table(runs)
        tables[stage.name] = table.reindex(arms).dropna(how="all") if stage.by_arm else table
    return {**tables, "verdict": runs.gain}
