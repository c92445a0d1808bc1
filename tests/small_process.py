"""The small operator as a process of its own: `python small_process.py KUBECONFIG`. It logs to stderr."""

import sys

from operators import SmallOperator
from policloud.adapters import logs

if __name__ == "__main__":
    logs.configure("json")
    small = SmallOperator.of(sys.argv[1])
    sys.exit(small.operator.run())
