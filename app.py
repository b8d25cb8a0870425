"""Serve Tutor's browser app: `python app.py`. Does not know how anything works."""

from tutor.cli.serve import main

if __name__ == "__main__":
    main()
