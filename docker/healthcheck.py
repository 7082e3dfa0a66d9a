"""Whether this container's node takes work: asks /readyz on its own listener. No library beyond Python's own."""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """0 when the node is ready, else 1."""
    port = os.environ.get("TONGLU_LISTEN", "0.0.0.0:8800").rpartition(":")[2]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=4) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main())
