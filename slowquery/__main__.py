"""``python -m slowquery`` is the command ``slowquery``."""

from slowquery.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
