"""What the commands print when they are asked for help."""

from __future__ import annotations

TRAIN = """\
One experiment: a network, trained on data, tested, written down.

  python train.py                                    an MLP on handwritten digits, in seconds
  python train.py model=resnet50 optimizer=adam      any choice below, any key of it
  python train.py -m model=mlp,lenet5 seed=0,1,2     a sweep over the product
  python train.py resume=RUN_DIR                     go on where a run stopped; -m resume=SWEEP_DIR a sweep
  netyard evaluate run=RUN_DIR                       test its best checkpoint again
  netyard predict run=RUN_DIR input=PATH output=FILE.csv    what it says of your own files; or .jsonl, .parquet
  netyard generate run=RUN_DIR prompt=TEXT           let it write
  netyard export run=RUN_DIR format=onnx             a file for other programs, checked against the network
  netyard report DIR...                              a table of runs: seeds folded, best first
  netyard rerun RUN_DIR                              the same once more: are the metrics equal?
  netyard runs state=failed                          what was run
  netyard doctor                                     what this machine lacks, and which files are broken
  netyard list models 'resnet*'                      what can be chosen
  netyard new NAME                                   a package of your own, with a network, data and tests

Choices, GROUP=OPTION:
{choices}

Keys, key=value (python train.py --cfg job prints all of them with their values):
  seed  threads  tags  resume  trainer.max_epochs  trainer.max_steps  data.batch_size  data.num_workers  optimizer.lr
  trainer.performance=auto, safe (to the bit) or max (on a GPU bfloat16, compiled)

Keys of a sweep (docs/sweeps.md explains them):
  launcher.devices  .jobs_per_device  .timeout  .retries  .max_failures  .fail_fast    sweep.keep
  hydra/sweeper=random or optuna: sweep.num_trials  .seed; optuna: .sampler  .pruner  .storage  .objectives

Flags:
  -m, --multirun      a sweep over the values that are separated by commas
  -c, --cfg job       print the config instead of running it (with --resolve: interpolations followed)
  -cd, --config-dir   a folder with options of your own: DIR/model/mine.yaml is model=mine
  --allow-target pkg.mod.Class    let a config have this built, which is none of netyard's; may be repeated, and goes
                      with every command that builds a run: evaluate, predict, generate, resume
  --info, --shell-completion, --hydra-help           Hydra's own
"""

EVALUATE = """\
netyard evaluate run=RUN_DIR [output=FOLDER] [overrides]

Tests the best checkpoint again; data=... tests on other data, task.KEY=... in another way.
Beside the metrics it says, where the task has kept it:
  classification   precision, recall, f1 and support of each class; the confusion matrix, of more than 20 classes the
                   pairs that are confused most; the expected calibration error (Guo et al. 2017) and the 15 bins
                   behind it; the accuracy's interval (Wilson)
  regression, forecasting   mean error, mae, rmse, r2 and percentiles of predicted minus true, of each target or step;
                   intervals of mae and rmse, of a forecast over means of as many windows as overlap
  q_learning       the return's interval over episodes
  output=FOLDER    write evaluation.json, confusion.csv, reliability.png and the test's pictures into it"""

GENERATE = """\
netyard generate run=RUN_DIR [option=value ...] [output=FILE]

A language model goes on from a prompt (model=lstm data=python_source):
  prompt=TEXT      what to go on from; the vocabulary must know it
  temperature=1.0  below 1 the likely becomes likelier, 0 takes the likeliest each time
  top_k=0          draw from the k likeliest tokens only; 0 from all
  length=300       tokens to write
  seed=0           the same seed writes the same text
A translation answers one sentence (model=seq2seq):
  prompt=TEXT      the sentence
  beam_size=1      sentences kept alive in beam search; 1 is greedy
A VAE or a GAN draws (model=vae, model=gan); output=FILE.png, FILE.pt, or a folder:
  count=64         pictures
  class=3          of one class, if the net was told classes
  seed=0           the same seed draws the same pictures
An agent plays greedily (model=dqn); output=FILE.gif, or a folder:
  episodes=1       how many
  first=0          the number of the first: each has a beginning of its own
  every=2          steps from one frame to the next"""

PREDICT = """\
netyard predict run=RUN_DIR [input=PATH] output=FILE

  input=PATH       what to predict; left out: the test part of the run's own data, with what is true in column 2
  output=FILE      a row for each input: its file, or its row's number from 0, then what the task says. FILE.csv, or
                   FILE.jsonl, an object a line, or FILE.parquet (pip install 'netyard[parquet]')
A network of pictures reads a picture, a folder with all below it, or a pattern ('photos/*.png' in quotes): the central
square, at the run's size, in its greys or colours. White stays white: digits, which train so, are white on black.
A file that cannot be read is named and left out; memory holds one batch of them.
A network of a table reads a CSV file that has the columns of training, by name; others are passed over.
A network of texts reads the lines of a file, or of a .csv file the column of texts; one of a series, a series' end.
  classification   prediction, probability, and probability_CLASS of each class
  regression       prediction, in the target's unit; prediction_1, prediction_2, ... of several
  forecasting      step_1, step_2, ...: the steps after the end
  reconstruction   reconstruction_error, the mean square of what was lost: the larger, the less like training;
                   of a run with task.anomaly_class the same number is the anomaly_score
  variational      negative_elbo, in nats, and reconstruction_error, of pixels in [0, 1]; both are larger the less
                   an input is like those of training; of vector_quantized the latter alone"""

EXPORT = """\
netyard export run=RUN_DIR format=FORMAT [option=value ...] [output=FILE]

The best network of a run as a file for other programs, RUN_DIR/exports/model.* unless output says otherwise. What holds
a graph takes batches of any size, and is run beside the network on batches of 1, 2 and 7 before it has its name.
  format=onnx         an ONNX graph (opset 20; pip install 'netyard[export]'), described in its metadata
  format=pt2          a program of torch.export, for torch.export.load; its description is netyard.json inside
  format=state_dict   weights by the names that timm or torchvision gives them, or our own: for load_state_dict
  format=safetensors  the same weights in safetensors, described in its metadata
  normalize=true      the graph takes pixels in [0, 1], or rows of a table in their own units, and normalises them
  benchmark=true      latency of one sample and of 32: the network, compiled, and the file
  quantize=dynamic    ONNX in 8-bit integers, activations by the range that each batch has
  quantize=static     ... or by ranges measured on training samples; either is scored on the run's test part

What goes in and comes out, by task:
  classification      input                -> logits, probabilities
  regression          input                -> value, in the target's unit
  forecasting         input, its own unit  -> forecast, in the series' own unit
  language            tokens               -> logits of the token after each
  translation         source, tokens       -> logits of the token after each; the loop that writes is yours
  reconstruction      input                -> reconstruction, code
  variational         input [label]        -> reconstruction, code (its mean); vector_quantized: codes, in words
  adversarial         noise [label]        -> picture, pixels in [0, 1]
  q_learning          observation          -> q_values"""

REPORT = """\
netyard report DIR... [option=value ...]

A row for each configuration, best first. DIR is a run, a sweep, or a folder with any number of them below it.
  output=FOLDER    write leaderboard.md, leaderboard.csv and plots into it; of a single run report.html too, a page with
                   its command, metrics, curves, what it changed of the defaults, pictures and environment in one file
  plots=true       the same into DIR itself, where there is one DIR; false with output: the tables alone
  format=md        what is printed: md, a table for reading (Markdown), or csv, with all digits
  metric=NAME      rank by this instead of the objective: metric=test/accuracy
  mode=max         whether more of it is better (max) or less (min); known of objectives, to be told of others

Runs that differ in nothing but seed and data.fold are one row: mean ± standard deviation (n - 1) over n of them; of a
seed that was run twice the later run counts. Columns are the keys that differ; what follows from another choice (betas
from optimizer=adam) has none. Objectives of different names have a table each.
  95 % interval    of the mean, from 3 seeds on: percentiles of 10,000 bootstrap resamples; of few seeds too narrow
  1 against 2      the two best rows over the seeds both have: mean difference, and p of a paired sign-flip test; that
                   the two are the best of many is not in p
  front            of several objectives: no other row is at least as good in all and better in one
Runs that failed, were pruned or interrupted are counted below the tables, each with its reason; so are files that
cannot be read.

Plots, PNG: objective_by_KEY (a point for each run, a line for each row's mean), parallel_coordinates, learning_curves
(mean and deviation of the best six rows), and parameter_importance of a sweep by Optuna."""

RUNS = """\
netyard runs [FOLDER...] [key=pattern ...] [option=value ...]

The runs in and below the folders, outputs/ where none is given; newest first, a sweep on one line.
  model=resnet*    those whose choice matches; so do data, task, optimizer and every other group
  state=failed     completed, running, failed, interrupted, pruned, pending, unreadable, or stale: says that it is
                   running, and its process is gone
  optimizer.lr=0.1 those whose config has this; so seed=0, tags=baseline, data.batch_size=64
  jobs=true        the jobs of sweeps one by one
  sort=age         age (newest first), size, or objective (best first)
  format=md        a table for reading (Markdown), or csv, with all digits, reasons and bytes
Values that are separated by commas are alternatives: state=failed,stale"""

LIST = """\
netyard list [models|data|optimizers|...] [glob...] [filter=value ...]

  netyard list models 'resnet*' 'vgg*'         names, numbers of parameters, and what they are
  netyard list models max_parameters=10M       up to so many (K, M, B); --max-parameters 10M is the same; or min_...
  netyard list models family=efficientnet      of these families, which may be a glob"""

DOCTOR = """\
netyard doctor [FOLDER...] [hashes=false]

Looks at this machine: versions against what netyard needs, devices, whether outputs and data can be written to and have
a gigabyte free, and which optional extras are here, with the command that installs each.
Then at every run below the folders, outputs/ where none is given: event files whose records have a wrong sum or end too
early, checkpoints that are not what their manifest says, files that cannot be read, and runs that say they are running
and whose process is gone.
  hashes=false     believe the sizes of checkpoints, which saves reading them
A line begins with ok, note (what you may want), stale, missing (what a run needs here), or broken.
Exit code: 5 if something is missing, else 4 if something is broken, else 0."""

RERUN = """\
netyard rerun RUN_DIR [overrides]

Trains with the command line of a run, in a new directory, and says at the end whether every metric is the run's to the
last bit; those that are not are listed. The new directory has a rerun.json that says so to programs: of, equal,
compared, changed. Before it begins it warns of versions and of the git revision that are others than the run's, and of
keys that have other values by today's defaults.
Overrides are added to the run's: data.root=DIR, trainer=cpu, hydra.run.dir=DIR.
Exit code: that of the training, whether or not the metrics are equal."""

NEW = """\
netyard new NAME

Writes a package of your own into the folder NAME: a network, a data set, an experiment, their options in conf/, tests,
a Makefile and a README. NAME is a name of Python's, in small letters: my_project.
Once it is installed (make setup there, or pip install -e NAME) its options are listed, completed, checked, trained and
swept like netyard's own, and no --allow-target is needed: docs/plugins.md."""

COMPLETION = """\
netyard completion bash|zsh|fish

Prints what makes the Tab key complete netyard, and python train.py: commands, options, model=res, trainer.max_ep,
run=outputs/... For every new shell, by one command, of yours:
  bash    echo 'eval "$(netyard completion bash)"' >> ~/.bashrc
  zsh     echo 'eval "$(netyard completion zsh)"' >> ~/.zshrc
  fish    netyard completion fish > ~/.config/fish/conf.d/netyard.fish
In this shell alone: eval "$(netyard completion bash)", or netyard completion fish | source."""
