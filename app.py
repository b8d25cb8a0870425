"""Serve Tutor's browser app: `python app.py`. Does not know how anything works."""

from tutor.cli.main import reported
from tutor.cli.serve import start

if __name__ == "__main__":
    reported(start)()
