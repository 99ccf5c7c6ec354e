# The two commands of the README in a container:
#   docker build -t netyard .
#   docker run --rm netyard                    # make train
#   docker run --rm netyard make test
# Runs that stay: -v "$PWD/outputs:/netyard/outputs". With a GPU: docker build --build-arg UV_TORCH_BACKEND=auto, run --gpus all.
FROM python:3.12-slim

ARG UV_TORCH_BACKEND=cpu
ENV UV_TORCH_BACKEND=${UV_TORCH_BACKEND}

# make for both commands, git for the commit in results.json, a compiler for trainer.compile.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make git g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /netyard
# What decides about the packages comes first: a change of the source installs nothing again.
COPY Makefile pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY docs docs
COPY conf conf
COPY src src
RUN make setup
COPY . .

ENV PATH="/netyard/.venv/bin:${PATH}"
CMD ["make", "train"]
