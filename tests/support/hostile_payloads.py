"""What hostile configs and pickles are made of: callables that would leave a canary, and ways to have one called.

Nothing here may be run; ``tests/unit/config/test_allowlist.py`` sees to it that netyard does not.
"""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

# The dotted name of a callable -> its arguments; CANARY becomes the path of a file that must never appear.
CALLS: dict[str, list[Any]] = {
    "os.system": ["touch CANARY"],
    "os.popen": ["touch CANARY"],
    "os.mkdir": ["CANARY"],
    "os.makedirs": ["CANARY"],
    "os.mkfifo": ["CANARY"],
    "os.open": ["CANARY", 65],
    "os.execvp": ["touch", ["touch", "CANARY"]],
    "os.posix_spawn": ["/usr/bin/touch", ["touch", "CANARY"], {}],
    "os.spawnlp": [0, "touch", "touch", "CANARY"],
    "os.symlink": ["/etc/passwd", "CANARY"],
    "os.environ.update": [{"LD_PRELOAD": "CANARY"}],
    "os.putenv": ["LD_PRELOAD", "CANARY"],
    "posix.system": ["touch CANARY"],
    "nt.system": ["touch CANARY"],
    "logging.os.system": ["touch CANARY"],
    "shutil.os.system": ["touch CANARY"],
    "pathlib.os.system": ["touch CANARY"],
    "torch.os.system": ["touch CANARY"],
    "yaml.sys.modules": [],
    "subprocess.run": [["touch", "CANARY"]],
    "subprocess.call": [["touch", "CANARY"]],
    "subprocess.check_output": [["touch", "CANARY"]],
    "subprocess.Popen": [["touch", "CANARY"]],
    "subprocess.getoutput": ["touch CANARY"],
    "asyncio.subprocess.subprocess.run": [["touch", "CANARY"]],
    "multiprocessing.util.spawnv_passfds": ["/usr/bin/touch", ["touch", "CANARY"], []],
    "pty.spawn": [["touch", "CANARY"]],
    "builtins.eval": ["open('CANARY', 'w')"],
    "builtins.exec": ["open('CANARY', 'w')"],
    "builtins.compile": ["open('CANARY', 'w')", "x", "exec"],
    "builtins.open": ["CANARY", "w"],
    "builtins.__import__": ["antigravity"],
    "builtins.getattr": ["x", "CANARY"],
    "builtins.setattr": ["x", "y", "CANARY"],
    "builtins.print": ["CANARY"],
    "builtins.breakpoint": [],
    "__builtin__.eval": ["open('CANARY', 'w')"],
    "__main__.__builtins__.eval": ["open('CANARY', 'w')"],
    "eval": ["open('CANARY', 'w')"],
    "exec": ["open('CANARY', 'w')"],
    "open": ["CANARY", "w"],
    "io.open": ["CANARY", "w"],
    "io.FileIO": ["CANARY", "w"],
    "codecs.open": ["CANARY", "w"],
    "pathlib.Path.touch": ["CANARY"],
    "pathlib.Path.write_text": ["CANARY", "x"],
    "tempfile.mkdtemp": ["", "", "CANARY"],
    "shutil.copy": ["/etc/hostname", "CANARY"],
    "shutil.copytree": ["/etc/skel", "CANARY"],
    "shutil.rmtree": ["CANARY"],
    "runpy.run_path": ["CANARY"],
    "runpy.run_module": ["antigravity"],
    "runpy._run_code": ["open('CANARY', 'w')", {}],
    "importlib.import_module": ["antigravity"],
    "importlib.__import__": ["antigravity"],
    "importlib.util.spec_from_file_location": ["x", "CANARY"],
    "importlib.machinery.SourceFileLoader": ["x", "CANARY"],
    "pkgutil.resolve_name": ["os:system"],
    "pydoc.locate": ["antigravity"],
    "pydoc.pipepager": ["x", "touch CANARY"],
    "code.interact": [],
    "code.InteractiveInterpreter.runcode": ["open('CANARY', 'w')"],
    "pdb.run": ["open('CANARY', 'w')"],
    "cProfile.run": ["open('CANARY', 'w')"],
    "profile.run": ["open('CANARY', 'w')"],
    "timeit.timeit": ["open('CANARY', 'w')"],
    "trace.Trace.run": ["open('CANARY', 'w')"],
    "doctest.debug_script": ["open('CANARY', 'w')"],
    "webbrowser.open": ["file://CANARY"],
    "ctypes.CDLL": ["CANARY"],
    "ctypes.cdll.LoadLibrary": ["CANARY"],
    "sqlite3.connect": ["CANARY"],
    "socket.create_connection": [["127.0.0.1", 9]],
    "urllib.request.urlopen": ["file:///etc/hostname"],
    "urllib.request.urlretrieve": ["file:///etc/hostname", "CANARY"],
    "http.client.HTTPConnection": ["127.0.0.1"],
    "functools.partial": ["os.system", "touch CANARY"],
    "functools.reduce": ["os.system", ["touch CANARY"]],
    "operator.methodcaller": ["system", "touch CANARY"],
    "operator.attrgetter": ["system"],
    "types.FunctionType": [],
    "types.CodeType": [],
    "pickle.loads": ["cos\nsystem\n(S'touch CANARY'\ntR."],
    "pickle.load": ["CANARY"],
    "pickle.Unpickler": ["CANARY"],
    "_pickle.loads": ["cos\nsystem\n(S'touch CANARY'\ntR."],
    "marshal.loads": ["CANARY"],
    "shelve.open": ["CANARY"],
    "dill.loads": ["CANARY"],
    "cloudpickle.loads": ["CANARY"],
    "joblib.load": ["CANARY"],
    "yaml.load": ["!!python/object/apply:os.system ['touch CANARY']"],
    "yaml.unsafe_load": ["!!python/object/apply:os.system ['touch CANARY']"],
    "logging.config.dictConfig": [{"version": 1, "handlers": {"x": {"()": "os.system", "command": "touch CANARY"}}}],
    "logging.config.fileConfig": ["CANARY"],
    "logging.FileHandler": ["CANARY"],
    "unittest.mock.patch": ["os.system"],
    "numpy.load": ["CANARY"],
    "numpy.savetxt": ["CANARY", [1]],
    "numpy.memmap": ["CANARY"],
    "numpy.f2py.compile": ["x", "CANARY"],
    "numpy.testing.runstring": ["open('CANARY', 'w')", {}],
    "pandas.read_pickle": ["CANARY"],
    "torch.load": ["CANARY"],
    "torch.save": [1, "CANARY"],
    "torch.serialization.load": ["CANARY"],
    "torch.serialization.add_safe_globals": [[]],
    "torch.jit.load": ["CANARY"],
    "torch.package.PackageImporter": ["CANARY"],
    "torch.hub.load": ["CANARY", "x"],
    "torch.hub.load_state_dict_from_url": ["file://CANARY"],
    "torch.hub.download_url_to_file": ["file:///etc/hostname", "CANARY"],
    "torch.classes.load_library": ["CANARY"],
    "torch.ops.load_library": ["CANARY"],
    "torch.utils.cpp_extension.load": ["x", "CANARY"],
    "torch.utils.cpp_extension.load_inline": ["x", "CANARY"],
    "torch.utils.bottleneck.__main__.run_prof": ["CANARY"],
    "torch.utils.collect_env.run": ["touch CANARY"],
    "torch.fx.graph_module._exec_with_source": ["open('CANARY', 'w')", {}],
    "torch.distributed.run.main": [["CANARY"]],
    "torch.multiprocessing.spawn": ["os.system"],
    "torch.onnx.export": ["x"],
    "torch.nn.Module": [],
    "torch.optim.SGD.__init__": [],
    "torchvision.datasets.utils.download_and_extract_archive": ["file://CANARY", "x"],
    "torchvision.datasets.DatasetFolder": ["CANARY"],
    "timm.create_model": ["resnet18"],
    "lightning.pytorch.cli.LightningCLI": [],
    "lightning.pytorch.trainer.Trainer": [],
    "lightning.LightningModule.load_from_checkpoint": ["CANARY"],
    "lightning.pytorch.utilities.migration.migrate_checkpoint": ["CANARY"],
    "lightning.fabric.utilities.cloud_io._load": ["CANARY"],
    "lightning.app.utilities.load_app.load_app_from_file": ["CANARY"],
    "hydra.utils.instantiate": [{"_target_": "os.system", "_args_": ["touch CANARY"]}],
    "hydra.utils.call": [{"_target_": "os.system", "_args_": ["touch CANARY"]}],
    "hydra.utils.get_method": ["os.system"],
    "hydra.utils.get_class": ["subprocess.Popen"],
    "hydra.utils.get_object": ["os.system"],
    "hydra._internal.instantiate._instantiate2.instantiate": [],
    "hydra.experimental.callbacks.PickleJobInfoCallback": [],
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher": [],
    "hydra_plugins.netyard.launcher.LocalLauncher": [],
    "omegaconf.OmegaConf.load": ["CANARY"],
    "omegaconf.OmegaConf.save": [{}, "CANARY"],
    "omegaconf.OmegaConf.register_new_resolver": ["x", "os.system"],
    "netyard.config.instantiate.build": [{"_target_": "os.system", "_args_": ["touch CANARY"]}],
    "netyard.config.instantiate.instantiate": [{"_target_": "os.system", "_args_": ["touch CANARY"]}],
    "netyard.config.instantiate.build_all": [[{"_target_": "os.system", "_args_": ["touch CANARY"]}]],
    "netyard.config.allowlist.allow": [["os.system"]],
    "netyard.config.allowlist._ALLOWED.append": ["os.system"],
    "netyard.config.allowlist.take_flags": [["--allow-target=os.system"]],
    "netyard.io.atomic.open_atomically": ["CANARY"],
    "netyard.io.atomic.write_atomically": ["CANARY", "x"],
    "netyard.io.claim.create_unused": ["CANARY"],
    "netyard.cli.main.main": [["train"]],
    "netyard.cli.main.os.system": ["touch CANARY"],
    "netyard.training.results.subprocess.run": [["touch", "CANARY"]],
    "netyard.sweeps.runners.fork_server.main": [0],
    "netyard.training.checkpoint.load": ["CANARY"],
    "netyard.training.checkpoint.torch.load": ["CANARY"],
    "netyard.data.environments.create.importlib.import_module": ["antigravity"],
    "netyard.models.mlp.torch.load": ["CANARY"],
    "netyard.models.mlp.MLP.__init__": [],
    "netyard.models.mlp.mlp": [],
    "netyard.models.mlp.MLP.": [],
    ".netyard.models.mlp.MLP": [],
    "netyard.models..mlp.MLP": [],
    "NETYARD.models.mlp.MLP": [],
    " netyard.models.mlp.MLP": [],
    "netyard.models.mlp.MLP\n": [],
    "netyard.models.mlp.MLP;os.system": [],
    "netyard.models.mlp.\uff2dLP": [],
    "antigravity.geohash": [],
    "this.s": [],
    "own_net.Net": [],
    "../evil.Net": [],
    "/tmp/evil.py": [],
    "http://127.0.0.1/evil.Net": [],
    "${oc.env:HOME}": [],
    "${model._target_}": [],
    "os.${oc.decode:system}": ["touch CANARY"],
    "???": [],
    "": [],
}
NO_NAMES = [7, True, ["os.system"], {"_target_": "os.system"}, 1.5, b"os.system"]
"""What may stand under ``_target_`` in a checkpoint, and is no name."""


def with_canary(value: Any, canary: str) -> Any:
    if isinstance(value, str):
        return value.replace("CANARY", canary)
    if isinstance(value, list):
        return [with_canary(each, canary) for each in value]
    return {key: with_canary(each, canary) for key, each in value.items()} if isinstance(value, dict) else value


def nodes(name: str, arguments: list[Any]) -> Iterator[Any]:
    """Yield a call in all forms of a config: plain, partial, in lists, in arguments of allowed classes, nested."""
    call = {"_target_": name, "_args_": arguments}
    offered = {"_target_": "torch.optim.SGD", "lr": 0.1}
    yield call
    yield {**call, "_partial_": True}
    yield {**offered, "params": [call]}
    yield {**offered, "_args_": [[[call]]]}
    yield {"_target_": "netyard.models.mlp.MLP", "hidden_sizes": {"deep": {"er": [1, {"still": call}]}}}


def pickles(name: str, arguments: list[Any]) -> Iterator[bytes]:
    """Yield pickle streams that call a callable by different opcodes."""
    module, _, attribute = name.rpartition(".")
    given = pickle.dumps(tuple(arguments), protocol=2)[2:-1]  # without PROTO and STOP
    glob = f"c{module}\n{attribute}\n".encode()
    yield b"\x80\x02" + glob + given + b"R."  # REDUCE
    if len(arguments) == 1 and isinstance(arguments[0], str) and "'" not in arguments[0] and "\n" not in arguments[0]:
        yield f"(S'{arguments[0]}'\ni{module}\n{attribute}\n.".encode()  # INST
    yield b"\x80\x02(" + glob + b"".join(pickle.dumps(each, 2)[2:-1] for each in arguments) + b"o."  # OBJ
    short = b"".join(b"\x8c" + struct.pack("<B", len(text)) + text for text in (module.encode(), attribute.encode()))
    yield b"\x80\x04" + short + b"\x93" + given + b"R."  # STACK_GLOBAL
    yield b"\x80\x02" + glob + given + b"\x81."  # NEWOBJ
    yield b"\x80\x02}U\nstate_dict" + glob + given + b"Rs."  # inside what looks like a checkpoint


def container(kind: int, stream: bytes, honest: bytes) -> bytes:
    """Yield files with a stream: bare, in the zip format of torch, in the old tar format of torch."""
    made = io.BytesIO()
    if kind == 0:
        return stream
    if kind == 1:
        with zipfile.ZipFile(io.BytesIO(honest)) as source, zipfile.ZipFile(made, "w") as target:
            for entry in source.infolist():
                content = stream if entry.filename.endswith("data.pkl") else source.read(entry)
                clean = zipfile.ZipInfo(entry.filename)
                clean.external_attr = 0  # as torch writes an entry
                target.writestr(clean, content)
        return made.getvalue()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for part in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(part)
            member.size = len(stream)
            archive.addfile(member, io.BytesIO(stream))
    return made.getvalue()
