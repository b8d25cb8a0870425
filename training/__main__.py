"""`python -m training`: refit what is stale, in order, or say what is. See `training.pipeline`."""

from __future__ import annotations

import argparse
import logging
import sys

from training.pipeline import STAGES, run, stale
from tutor.errors import TutorError
from tutor.settings import load_settings
from tutor.tutor import Tutor


def main() -> int:
    """Fit, or check; 1 where `--check` finds something stale."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(stage.name for stage in STAGES)}; none: all that is stale")
    parser.add_argument("--check", action="store_true", help="list what is stale and fail, fitting nothing")
    args = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    unknown = set(args.stages) - {stage.name for stage in STAGES}
    if unknown:
        parser.error(f"there is no stage {', '.join(sorted(unknown))}")
    try:
        tutor = Tutor(load_settings(), build_missing=True)
        if args.check:
            found = stale(tutor)
            for name, changed in found.items():
                print(f"{name} was fitted on something else: {', '.join(changed)}")
            print(f"{len(STAGES) - len(found)} of {len(STAGES)} stages are up to date")
            return int(bool(found))
        tutor.index()
        for stage in STAGES:
            if stage.name in args.stages or (not args.stages and stage.name in stale(tutor, (stage,))):
                run(stage, tutor, print)
    except TutorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
