"""Run directories: who may write into one, what lies in it, how it is resumed, what many of them say."""
