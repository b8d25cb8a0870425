"""`python -m tutor` is the `tutor` command. Does not know its verbs."""

from tutor.cli.main import run

if __name__ == "__main__":
    run()
