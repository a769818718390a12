"""All stages, in the order of the report."""

from __future__ import annotations

import pandas as pd

from ..._names import INCUMBENT
from ._baseline import baseline_table
from ._budgets import budget_table
from ._classes import class_table
from ._consistency import consistency_table
from ._cost import cost_table
from ._incumbent import incumbent_table
from ._perturbation import perturbation_table
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
        "Test scores at the end, scores before the first step, and validation scores after a part of the epochs "
        "that cold took.",
        budget_table,
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
        "Spread over replicates",
        "Of the mean score over phases. A spread below half of cold's is marked: starts that all end in one place "
        "may have stopped exploring.",
        consistency_table,
        by_arm=True,
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
        "Means a fit; samples include those that making the start took. In a pack, seconds are a fit's share, and "
        "processors are as busy as in the pack. Epochs and samples to the target are of the runs that reached it. "
        "Processors busy: processor time over seconds. Seconds saved: what the speed-up takes off cold's seconds "
        "at a retraining; checkpoint by saved: the time to save and load a state, as a share of them.",
        cost_table,
        by_arm=True,
    ),
    Stage(
        "perturbation",
        "Under noise on the weights",
        "How much the last phase's test score falls when every tensor gets noise of this size, relative to its "
        "root mean square: flat minima lose little.",
        perturbation_table,
        by_arm=True,
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
