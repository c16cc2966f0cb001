"""``python -m ikm_pmi``: the command line."""

from ikm_pmi.cli import main

if __name__ == "__main__":
    main()
