"""The launcher and the sweepers of ``python train.py -m``. Imported at every start: nothing heavy here."""
