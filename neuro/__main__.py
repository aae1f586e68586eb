"""`python -m neuro`: the command line, also where the script `neuro` is not on the path."""

from neuro.cli import main

if __name__ == "__main__":
    main()
