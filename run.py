"""The entry point of a checkout: `python run.py` is `activation-lab run`. `python run.py --help` says how."""

import sys

from experiments.run import main

if __name__ == "__main__":
    sys.exit(main())
