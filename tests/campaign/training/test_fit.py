"""What a run leaves on disk: the files, their schema, and that each can be used for what it is for."""

from __future__ import annotations


def test_the_big_one_counts_its_published_parameters(train) -> None:
    sizes = ("data.num_classes=1000", "data.channels=3", "data.image_size=224", "data.batch_size=2", "data.size=64")
    ran = train("model=resnet50", "data=fake", *sizes, "debug=smoke")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["parameters"] == 25_557_032
    assert ran.json("results.json")["steps"] == 2
