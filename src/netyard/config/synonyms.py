"""What other tools call the settings, options and commands of netyard. Imports no torch.

Words are compared in the form of ``plain``: ``--learning-rate``, ``learning_rate`` and ``learningRate`` are one. The
tables hold words that netyard itself does not use; a name that is only written differently (``Adam``, ``ResNet-50``)
needs no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NO_LETTERS = re.compile(r"[\W_]+")


def plain(word: str) -> str:
    """A word without case and punctuation: ``CIFAR-10`` and ``cifar_10`` are ``cifar10``."""
    return _NO_LETTERS.sub("", word.lower())


def _table(text: str) -> dict[str, str]:
    """``meaning: word word ...``, also of several lines, as ``plain(word) -> meaning``."""
    found: dict[str, str] = {}
    meaning = ""
    for line in text.strip().splitlines():
        start, colon, words = line.partition(": ")
        meaning = start.strip() if colon else meaning
        found |= {plain(word): meaning for word in (words if colon else line).split()}
    return found


# A setting -> the overrides that have its effect; {} stands for the value. Of alternatives, divided by |, the first is
# taken whose keys the chosen options have. After # is what the reader has to know besides.
KEYS = _table(
    """
    trainer.max_epochs={}: epochs epoch n_epochs num_epochs max_epochs num_train_epochs nb_epoch total_epochs ep
    trainer.max_steps={}: steps max_steps num_steps total_steps n_steps max_iters iterations iters num_iterations
        max_iter
    optimizer.lr={}: lr learning_rate initial_lr init_lr base_lr lr0 learning_rate_init eta eta0 alpha
    optimizer.weight_decay={}: weight_decay wd l2 decay weight_decay_rate
    optimizer.betas={}: betas opt_betas
    optimizer.betas=[{},0.999]: beta1 adam_beta1 b1
    optimizer.betas=[0.9,{}]: beta2 adam_beta2 b2
    optimizer.eps={}: eps opt_eps adam_epsilon
    optimizer=momentum optimizer.momentum={}: momentum
    optimizer=nesterov: nesterov
    data.batch_size={}: batch_size batch b bs train_batch_size per_device_train_batch_size minibatch_size
        mini_batch_size samples_per_gpu
    data.eval_batch_size={}: eval_batch_size per_device_eval_batch_size val_batch_size valid_batch_size
        validation_batch_size test_batch_size vb
    data.num_workers={}: workers num_workers j n_workers dataloader_num_workers nw loader_workers
    data.image_size={}: imgsz img_size image_size input_size size resolution im_size crop_size resize input_resolution
    data.val_fraction={}: val_split validation_split val_fraction val_size validation_fraction valid_size val_ratio
    data.test_fraction={}: test_split test_size test_fraction test_ratio
    data.num_folds={}: k_folds kfold num_folds n_folds folds cv n_splits
    data.subset={}: subset data_fraction train_fraction fraction limit_data max_train_samples
    data.val_path={}: validation_file val_file valid_file val_csv valid_csv val_path
    data.test_path={}: test_file test_csv test_path
    data.val_root={}: val_dir valid_dir validation_dir val_root
    data.test_root={}: test_dir test_root
    data.target={}: target target_column target_col label label_column label_col y class_column labels_column
    data.sequence_length={}: sequence_length seq_len seq_length max_length max_seq_length max_len maxlen block_size
        context_length bptt
    data.mean={}: mean
    data.std={}: std
    data.window={}: window lookback input_chunk_length context
    data.horizon={}: horizon forecast_horizon prediction_length output_chunk_length
    data.num_envs={}: num_envs n_envs
    data.replay_size={}: buffer_size replay_size memory_size replay_buffer_size replay_memory
    data.sampler=balanced: balanced weighted_sampler class_balanced
    task.discount={}: gamma discount
    task.tau={}: tau
    task.target_every={}: target_update target_update_interval target_network_frequency target_update_freq
    task.warmup_steps={}: learning_starts start_learning
    task.collect_steps={}: train_freq train_frequency
    task.epsilon_start={}: epsilon start_e exploration_initial_eps eps_start
    task.epsilon_end={}: end_e exploration_final_eps eps_end epsilon_min
    task.epsilon_fraction={}: exploration_fraction
    seed={}: random_seed manual_seed seed_everything random_state rng_seed global_seed
    threads={}: num_threads n_threads nthreads omp_num_threads n_jobs
    tags=[{}]: tag name run_name exp_name experiment_name exp
    hydra.run.dir={}: output output_dir out_dir outdir o save_dir log_dir logdir work_dir workdir run_dir exp_dir
        save_path model_dir checkpoint_dir ckpt_dir dirpath default_root_dir tensorboard_log results_dir logging_dir
        project
    trainer={}: trainer_name
    trainer.devices={}: devices num_devices num_processes nproc_per_node
    trainer.num_nodes={}: num_nodes nnodes nodes
    trainer.accelerator={}: accelerator
    trainer.strategy={}: strategy dist_strategy
    trainer.precision={}: precision dtype
    trainer.gradient_clip_val={}: clip grad_clip clip_grad max_grad_norm gradient_clip gradient_clip_val
        gradient_clipping clipnorm clip_norm grad_norm_clip
    trainer.accumulate_grad_batches={}: accumulate grad_accum accum_steps accumulation_steps grad_accum_steps
        gradient_accumulation_steps accumulate_grad_batches accum_iter grad_accumulation
    trainer.limit_train_batches={}: limit_train_batches steps_per_epoch
    trainer.limit_val_batches={}: limit_val_batches validation_steps
    trainer.limit_test_batches={}: limit_test_batches
    trainer.log_every_n_steps={}: print_freq log_interval logging_steps log_freq log_every log_every_n_steps p
        print_every report_freq
    trainer.check_val_every_n_epoch={}: eval_every val_every eval_freq val_freq check_val_every_n_epoch val_interval
        eval_interval validation_freq
    trainer.val_check_interval={}: eval_steps val_check_interval val_steps validate_every_n_steps
    trainer.max_time={}: max_time time_limit max_duration training_time
    trainer.min_epochs={}: min_epochs
    trainer.min_steps={}: min_steps
    trainer.detect_anomaly=true: detect_anomaly
    callbacks.checkpoint.every_n_steps={}: save_steps every_n_train_steps checkpoint_steps save_every_n_steps
    callbacks.checkpoint.keep={}: save_total_limit save_top_k keep_checkpoint_max max_to_keep
    trainer.deterministic={}: deterministic cudnn_deterministic torch_deterministic
    trainer.performance=max: compile torch_compile torchcompile channels_last jit xla jit_compile use_compile
    trainer=ddp: ddp distributed multiprocessing_distributed data_parallel multi_gpu
    trainer=fsdp: fsdp
    trainer=cpu: no_cuda no_gpu use_cpu cpu cpu_only
    trainer=gpu: cuda use_cuda use_gpu gpu_only
    trainer.precision=16-mixed: amp fp16 half mixed_precision use_amp native_amp mixed_float16 autocast
    trainer.precision=bf16-mixed: bf16 bfloat16
    model.dropout={}: dropout drop drop_rate dropout_rate dropout_p dropout_prob
    model.hidden_sizes=[{}] | model.hidden_size={}: hidden hidden_sizes hidden_dim hidden_dims hidden_size
        hidden_units units n_hidden hidden_layer_sizes layer_sizes net_arch
    model.activation={}: activation act act_fn nonlinearity activation_fn
    model.num_layers={}: num_layers n_layers nlayers depth layers
    model.num_heads={}: num_heads nhead n_heads heads
    model.latent_size={}: latent_dim latent_size z_dim nz latent code_size bottleneck
    model.embedding_size={}: embedding_dim emb_size embed_dim embedding_size emsize
    model.pretrained={}: pretrained weights load_weights initial_checkpoint init_checkpoint finetune init_from
        from_pretrained use_pretrained
    model.freeze=backbone # it trains only the last layer: freeze freeze_backbone freeze_layers freeze_encoder
        linear_probe
    model.batch_norm={}: batch_norm bn batchnorm use_bn
    model.bidirectional={}: bidirectional
    loss=label_smoothing loss.label_smoothing={}: smoothing label_smoothing
    loss.class_weights={}: class_weight class_weights pos_weight
    scheduler=warmup_cosine scheduler.warmup={}: warmup_ratio
    scheduler=warmup_cosine # scheduler.warmup is a fraction of the run: warmup warmup_epochs warmup_steps
        num_warmup_steps
    scheduler=cosine: cos_lr cosine
    scheduler.gamma={}: lr_gamma decay_rate lr_decay
    callbacks=[default,ema]: ema model_ema use_ema
    callbacks=[default,early_stopping] callbacks.early_stopping.patience={}: patience early_stopping_patience
    callbacks=[default,early_stopping]: early_stopping early_stop earlystopping
    augmentation=none: no_aug no_augment no_augmentation
    augmentation=mixup: mixup mixup_alpha
    augmentation=cutmix: cutmix cutmix_alpha
    augmentation=randaugment: aa auto_augment autoaugment rand_augment randaug
    augmentation=standard: hflip flip horizontal_flip random_crop fliplr
    logger=tensorboard: tensorboard tb use_tensorboard
    logger=none: no_log no_logger no_logging
    trainer.fast_dev_run=true: fast_dev_run
    debug=smoke: dry_run smoke_test quick_run
    debug=overfit: overfit overfit_batches overfit_batch
    debug=profile: profile profiler
    debug=lr_finder: lr_find auto_lr_find lr_finder find_lr lr_range_test
    debug=batch_size: auto_scale_batch_size auto_batch auto_batch_size auto_find_batch_size find_batch_size
    resume={}: resume resume_from resume_from_checkpoint resume_path ckpt_path ckpt checkpoint checkpoint_path
        load_checkpoint restore load_from load restore_from continue_from
    resume=auto: auto_resume last_ckpt
    """
)

# A setting that is a choice -> its group.
CHOICES = _table(
    """
    model: models net network networks arch a architecture backbone model_name model_type model_name_or_path encoder
        policy algo algorithm classifier estimator nn
    data: dataset datasets ds dataset_name data_name datamodule env env_id environment gym_id data_dir data_path
        data_root dataset_path dataset_dir root root_dir path folder directory train_dir train_data train_file
        train_csv file csv input_dir imagenet_dir
    task: tasks lightning_module task_name learner
    loss: losses criterion loss_fn loss_function objective loss_name cost
    optimizer: optimizers opt optim optimizer_name solver
    scheduler: schedulers sched lr_scheduler lr_scheduler_type schedule lr_schedule lr_policy scheduler_name
    augmentation: augmentations augment aug transforms transform data_augmentation augmentation_name
    trainer: trainers
    callbacks: callback
    logger: loggers report_to log_with
    experiment: experiments recipe preset
    sweep: hparams_search
    debug: debugging
    """
)

# A setting with one of these values.
VALUES = {
    "device": {
        "cpu": "trainer=cpu",
        "auto": "trainer=auto",
        "cuda": "trainer=gpu",
        "gpu": "trainer=gpu",
        "mps": "trainer=mps",
        "tpu": "trainer.accelerator=tpu",
    },
    "accelerator": {"cuda": "trainer=gpu", "gpu": "trainer=gpu", "cpu": "trainer=cpu", "auto": "trainer=auto"},
    "precision": {
        "16": "trainer.precision=16-mixed",
        "fp16": "trainer.precision=16-mixed",
        "float16": "trainer.precision=16-mixed",
        "half": "trainer.precision=16-mixed",
        "mixed": "trainer.precision=16-mixed",
        "bf16": "trainer.precision=bf16-mixed",
        "bfloat16": "trainer.precision=bf16-mixed",
        "32": "trainer.precision=32-true",
        "fp32": "trainer.precision=32-true",
        "float32": "trainer.precision=32-true",
        "full": "trainer.precision=32-true",
        "mixed_float16": "trainer.precision=16-mixed",
        "mixed_bfloat16": "trainer.precision=bf16-mixed",
        "64": "trainer.precision=64-true",
        "double": "trainer.precision=64-true",
        "float64": "trainer.precision=64-true",
    },
    "weights": {"imagenet": "model.pretrained=true", "default": "model.pretrained=true", "none": ""},
    "augment": {"true": "augmentation=standard", "false": "augmentation=none"},
    "reportto": {"tensorboard": "logger=tensorboard", "none": "logger=none", "all": "logger=tensorboard"},
    "mode": {"train": "", "fit": ""},
    "train": {"true": ""},
    "callbacks": {
        "reducelronplateau": "scheduler=plateau",
        "learningratescheduler": "scheduler=cosine",
        "learningratemonitor": "",
        "csvlogger": "",
        "progbarlogger": "",
        "terminateonnan": "",
        "tensorboard": "logger=tensorboard",
        "devicestatsmonitor": "",
    },
    "cuda": {"false": "trainer=cpu"},
    "test": {"false": "trainer.test=false", "true": ""},
    "notest": {"true": "trainer.test=false"},
}
for _same, _words in {
    "precision": ("dtype", "mixedprecision"),
    "weights": ("pretrained",),
    "augment": ("augmentation", "aug"),
    "cuda": ("usecuda", "usegpu"),
    "test": ("dotest", "runtest"),
    "notest": ("skiptest",),
}.items():
    VALUES |= dict.fromkeys(_words, VALUES[_same])

# Options of other tools -> options of netyard, for each group; also several overrides.
OPTIONS = {
    "model": _table(
        """
        resnet18: resnet res_net
        densenet121: densenet
        vgg16: vgg
        efficientnet_b0: efficientnet effnet
        mobilenet_v2: mobilenet mobilenetv1
        mobilenet_v3_large: mobilenetv3
        inception_v3: inception
        lenet5: lenet
        mlp: ann nn dnn fc dense feedforward linear mlp_policy fully_connected MLPClassifier MLPRegressor Sequential
        perceptron: logistic logistic_regression softmax_regression
        cnn: convnet cnn_policy conv simple_cnn
        rnn: recurrent vanilla_rnn simplernn
        autoencoder: ae
        denoising_autoencoder: dae
        sparse_autoencoder: sae
        conv_autoencoder: cae
        vae: variational_autoencoder vanilla_vae
        conditional_vae: cvae
        conditional_gan: cgan
        dqn: q_network deep_q_network dqn_atari
        double_dqn: ddqn
        dueling_dqn: dueling
        rainbow: rainbow_dqn
        c51: categorical_dqn
        seq2seq: encoder_decoder
        transformer: gpt gpt2 bert
        timm model.architecture=vit_base_patch16_224: vit vit_b_16 vit_base vision_transformer
        timm model.architecture=convnext_tiny: convnext
        timm model.architecture=swin_tiny_patch4_window7_224: swin swin_t
        """
    ),
    "data": _table(
        """
        image_folder: folder images image_dataset
        csv: table tabular dataframe
        series: timeseries time_series
        text: txt text_file
        gym: gymnasium
        fashion_mnist: fmnist fashion
        imagenet: imagenet1k ilsvrc2012 imagenet_1k
        cartpole: cartpole_v1 cartpole_v0
        lunar_lander: lunarlander_v3 lunarlander_v2
        mountain_car: mountaincar_v0
        acrobot: acrobot_v1
        python_source: code
        fake: fakedata random dummy
        breast_cancer: cancer
        """
    ),
    "task": _table(
        """
        classification: classify image_classification cls
        regression: regress
        reconstruction: autoencoding
        language: language_modeling lm causal_lm
        translation: seq2seq translate
        forecasting: forecast
        multilabel: multilabel_classification
        anomaly: anomaly_detection outlier
        q_learning: dqn rl reinforcement_learning
        adversarial: gan
        variational: vae
        """
    ),
    "loss": _table(
        """
        cross_entropy: ce crossentropyloss nll nllloss categorical_crossentropy sparse_categorical_crossentropy
            softmax xent
        bce: bceloss bcewithlogitsloss binary_crossentropy bcewithlogits binary_cross_entropy
        mse: mseloss l2 mean_squared_error squared_error
        mae: l1 l1loss mean_absolute_error
        huber: huberloss smooth_l1 smoothl1loss smooth_l1_loss
        focal: focal_loss
        label_smoothing: labelsmoothingcrossentropy
        asymmetric: asl asymmetricloss
        hinge: hinge_embedding multimarginloss
        """
    ),
    "optimizer": _table(
        """
        momentum: sgd_momentum sgdm heavy_ball momentum_sgd
        nesterov: nag sgd_nesterov
        adamw: adamw_torch adamw_hf
        adam: auto
        """
    ),
    "scheduler": _table(
        """
        constant: none null constant_lr no_scheduler lambdalr
        step: steplr step_lr step_decay
        multistep: multisteplr
        cosine: cosineannealinglr cosine_annealing cosine_annealing_lr cos cosine_decay
        warmup_cosine: cosine_with_warmup linear_warmup_cosine_annealing linear_warmup_cosine
        exponential: exponentiallr exp exponential_decay
        one_cycle: onecyclelr 1cycle
        plateau: reducelronplateau reduce_lr_on_plateau reduce_on_plateau
        polynomial: polynomiallr poly linear linearlr polynomial_decay
        """
    ),
    "augmentation": _table(
        """
        auto: default
        none: false no off null
        standard: true yes basic flip
        strong: heavy hard
        randaugment: randaug autoaugment
        """
    ),
    "trainer": _table(
        """
        gpu: cuda single_gpu
        ddp: multi_gpu distributed
        auto: default
        ddp_cpu: ddp_sim
        """
    ),
    "callbacks": _table(
        """
        early_stopping: early_stop patience
        default: model_checkpoint checkpoint rich_progress_bar model_summary
        ema: weight_averaging swa
        """
    ),
    "logger": _table(
        """
        tensorboard: tb true default TensorBoardLogger
        none: false no off null
        """
    ),
    "debug": _table(
        """
        smoke: fdr fast_dev_run default limit true
        profile: profiler
        overfit: overfit_batches
        """
    ),
}

# Settings without an override of their own, and what there is instead.
WITHOUT = {
    plain(word): answer
    for answer, words in {
        "classes and channels are counted in the data": "num_classes nb_classes nc n_classes classes in_channels",
        "the best and the last checkpoint are always saved": (
            "save save_model enable_checkpointing save_every save_freq save_strategy "
            "save_period save_checkpoints save_interval save_best save_last "
            "overwrite_output_dir exist_ok"
        ),
        "every epoch is validated, and the best one is tested at the end": (
            "val do_train do_eval eval_strategy evaluation_strategy evaluate_during_training"
        ),
        "a task logs all of its scores, and draws its figures": "plots metrics eval_metric metric eval_metrics",
        "schedules are fractions of the run, as scheduler=step scheduler.step_size=0.3": (
            "step_size lr_step_size decay_epochs lr_decay_epochs milestones lr_decay_every lr_steps"
        ),
        "the lowest rate is optimizer.lr times scheduler.final_ratio": "min_lr lr_min eta_min lrf warmup_lr",
        "augmentation=randaugment and augmentation=strong have what there is": (
            "color_jitter reprob random_erasing vflip flipud degrees translate scale shear mosaic hsv_h hsv_s"
        ),
        "trainer.max_epochs counts epochs, for an agent of data.steps_per_epoch steps of its environment": (
            "total_timesteps n_timesteps num_timesteps"
        ),
        "--cfg job prints the config": "print_config show_config",
        "training is what this command does; netyard evaluate RUN_DIR tests a finished run": "train mode",
        "ranks and their addresses are set by netyard": (
            "local_rank rank world_size dist_url dist_backend master_addr master_port node_rank"
        ),
        "training samples are always shuffled, evaluation samples never": "shuffle shuffle_train",
        "the console shows progress and results by itself": (
            "verbose v quiet q progress progressbar progress_bar silent disable_tqdm loglevel log_level debug_mode"
        ),
        "this is chosen for the machine": (
            "benchmark cudnn_benchmark pin_memory pin_mem persistent_workers prefetch_factor prefetch sync_bn "
            "cache_data non_blocking find_unused_parameters"
        ),
        "TensorBoard files and metrics.csv are always written": (
            "wandb use_wandb log_wandb track mlflow comet neptune wandb_project wandb_project_name wandb_entity"
        ),
        "a file of settings is an option of experiment=, in a folder that --config-dir names": (
            "config cfg config_file c"
        ),
        "episodes are recorded by callbacks.episodes": "capture_video render record_video",
    }.items()
    for word in words.split()
}

# The first word of a command line of another tool -> what is typed in its place; train is a word to leave out.
ACTIONS = _table(
    """
    train: fit train run training start learn launch main
    netyard evaluate RUN_DIR: test validate val eval evaluate evaluation evaluate_only
    netyard predict RUN_DIR output=predictions.csv: predict inference infer predictions
    netyard generate RUN_DIR: sample generate generation
    netyard export RUN_DIR: export convert
    netyard report outputs: benchmark compare leaderboard report results
    netyard runs: ls ps history runs
    netyard board: board tensorboard dashboard
    netyard list: models list zoo show
    netyard doctor: checks check env info doctor
    netyard --version: version
    train --help: help
    train -m: tune sweep search hpo hyperparameter_search multirun
    train resume=auto: resume continue
    """
)

# Words for a kind of work at the front, as in ``yolo classify train``: the defaults of data and model decide it here.
WORK = frozenset(("classify", "cls"))


def same(word: str, names: Iterable[str]) -> str | None:
    """The name that differs from a word only in case and punctuation; None if there is none."""
    wanted = plain(word)
    return next((name for name in names if plain(name) == wanted), None)
