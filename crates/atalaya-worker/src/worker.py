"""Runs one model for Atalaya: frames of Arrow over the socket that comes as standard input.

A frame is 16 bytes of header (body length u32, kind u8, three zero bytes, request id u64; little-endian) and a body. The
body of a call and of an answer is a u32, that many bytes of JSON, and an Arrow IPC stream. Nothing is pickled.
"""

import base64
import datetime
import json
import os
import socket
import struct
import sys

HEADER = struct.Struct("<IBxxxQ")
LENGTH = struct.Struct("<I")
LOAD, CALL, PING = 1, 2, 3
READY, ANSWER, ERROR, PONG = 17, 18, 19, 20

MAX_FRAME_BYTES = 256 << 20
MAX_MESSAGE_CHARACTERS = 2000
MAX_DEPTH = 32
METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score_samples",
    "predict_joint_log_proba",
)


class Unsupported(Exception):
    """The model's answer cannot be passed on; the text says why, without a value."""


class Channel:
    """The socket, taken from standard input so that the model finds nothing there."""

    def __init__(self):
        descriptor = os.dup(0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, 65536)
        self.socket = socket.socket(fileno=descriptor)
        self.socket.setblocking(True)

    def receive(self):
        """The next frame as kind, id, body; None at the end."""
        header = self._exactly(HEADER.size)
        if header is None:
            return None
        length, kind, identity = HEADER.unpack(header)
        if length > MAX_FRAME_BYTES:
            raise SystemExit("a frame is too long")
        body = self._exactly(length)
        return None if body is None else (kind, identity, body)

    def send(self, kind, identity, *parts):
        length = sum(len(part) for part in parts)
        self.socket.sendall(HEADER.pack(length, kind, identity))
        for part in parts:
            self.socket.sendall(part)

    def _exactly(self, length):
        body = bytearray(length)
        view = memoryview(body)
        filled = 0
        while filled < length:
            count = self.socket.recv_into(view[filled:])
            if count == 0:
                return None
            filled += count
        return body


class Model:
    """A loaded model and what it can be asked."""

    def __init__(self, folder):
        self.pyfunc = load(folder)
        self.schema = self.pyfunc.metadata.get_input_schema()
        self.raw = self._raw()
        self.whole_text = takes_texts(self.raw)

    def _raw(self):
        """The scikit-learn object under the model, when there is one."""
        try:
            raw = self.pyfunc.get_raw_model()
        except Exception:
            return None
        return raw if hasattr(raw, "get_params") and hasattr(raw, "fit") else None

    def methods(self):
        others = METHODS[1:] if self.raw is not None else ()
        found = [name for name in others if name != "transform" and callable(getattr(self.raw, name, None))]
        if self.raw is not None and (callable(getattr(self.raw, "transform", None)) or hasattr(self.raw, "steps")):
            found.append("transform")
        return ["predict", *found]

    def features(self):
        """What the object itself says about its columns."""
        names = getattr(self.raw, "feature_names_in_", None)
        count = getattr(self.raw, "n_features_in_", None)
        return {
            "names": None if names is None else [str(name) for name in names],
            "count": None if count is None else int(count),
        }

    def call(self, method, params, table):
        data = build_input(table, self.schema)
        if self.whole_text:
            data = data.iloc[:, 0]
        if method == "predict":
            if self.whole_text:
                return self.raw.predict(data)
            if accepts_params(self.pyfunc.predict):
                return self.pyfunc.predict(data, params=params)
            return self.pyfunc.predict(data)
        whole = method != "transform" or callable(getattr(self.raw, "transform", None))
        answer = getattr(self.raw if whole else self.raw[:-1], method)(data)
        if isinstance(answer, list):
            import numpy as np

            # One array per output: all outputs of a row together.
            return np.hstack(answer)
        return answer.to_numpy() if hasattr(answer, "to_numpy") else answer


def load(folder):
    try:
        import mlflow.pyfunc
    except ModuleNotFoundError as error:
        needed = "`mlflow-skinny` and `pandas`" if error.name == "mlflow" else f"`{error.name}`"
        raise ModuleNotFoundError(f"the environment lacks {needed}", name=error.name) from None
    try:
        return mlflow.pyfunc.load_model(folder)
    except ModuleNotFoundError as error:
        text = f"the environment lacks the module `{error.name}`, which the model imports"
        raise ModuleNotFoundError(text, name=error.name) from error


def accepts_params(function):
    import inspect

    return "params" in inspect.signature(function).parameters


def takes_texts(raw):
    """Whether the first step splits documents: it iterates what it gets, and a frame would give it column names."""
    first = raw
    for _ in range(MAX_DEPTH):
        steps = getattr(first, "steps", None)
        if not steps:
            break
        first = steps[0][1]
    return first is not None and hasattr(first, "build_analyzer")


def build_input(table, schema):
    """The batch as MLflow's own enforcement expects it: a frame, an array, or a dict of arrays."""
    import numpy as np
    import pandas as pd

    batch = table.combine_chunks()
    names = batch.schema.names
    columns = [batch.column(position) for position in range(len(names))]
    if schema is not None and schema.is_tensor_spec():
        if schema.has_input_names():
            return {spec.name: tensor(columns[names.index(spec.name)], spec, 1) for spec in schema.inputs}
        spec = schema.inputs[0]
        if len(schema.inputs) == 1 and len(spec.shape) == 1:
            return tensor(columns[0], spec, 1)
        arrays = [tensor(column, spec, 0) for column in columns]
        return np.column_stack(arrays)
    missing = np.nan if int(pd.__version__.split(".")[0]) >= 3 else None
    absent = optional_names(schema)
    frame = {}
    for name, column in zip(names, columns):
        # An optional column that is absent arrives as nulls; MLflow leaves it out.
        if name in absent and column.null_count == len(column):
            continue
        # From pandas 3 on, text becomes the dtype `str` here, as in the frame that MLflow's server makes of JSON.
        frame[name] = series(column, missing)
    return pd.DataFrame(frame, index=pd.RangeIndex(len(batch)))


def optional_names(schema):
    if schema is None or not schema.has_input_names():
        return set()
    return set(schema.optional_input_names())


def series(column, missing):
    """One column as numpy values, of the dtype that MLflow's signature type has."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        values = np.empty(len(column), dtype=object)
        values[:] = [missing if value is None else value for value in column.to_pylist()]
        return values
    if pa.types.is_timestamp(kind):
        return np.array(column.to_numpy(), dtype="datetime64[ns]")
    if pa.types.is_boolean(kind) and column.null_count:
        return np.array(column.to_pylist(), dtype=object)
    return np.array(column.to_numpy())


def tensor(column, spec, least):
    import numpy as np

    array = series(column, None)
    dtype = np.dtype(spec.type)
    array = array if dtype == object else array.astype(dtype)
    return array.reshape(-1, 1) if least and len(spec.shape) == 2 else array


# From the model's answer to Arrow, as MLflow's scoring server would write it.


def to_column(value, rows):
    """The answer as an Arrow array of one element per row, and whether it is a dict of columns."""
    import numpy as np
    import pandas as pd

    if isinstance(value, dict):
        parts = {str(key): values_of(part, rows) for key, part in value.items()}
        return record(list(parts), list(parts.values())), True
    if isinstance(value, pd.Series):
        value = pd.DataFrame(value)
    if isinstance(value, pd.DataFrame):
        names = [str(name) for name in value.columns]
        if len(set(names)) != len(names):
            raise Unsupported("two columns of the data frame have one name")
        parts = [values_of(value.iloc[:, position], rows) for position in range(len(names))]
        return record(names, parts), False
    return values_of(value, rows), False


def record(names, parts):
    import pyarrow as pa

    if not names:
        raise Unsupported("it has no columns")
    return pa.StructArray.from_arrays(parts, names=names)


def values_of(value, rows):
    import numpy as np
    import pandas as pd

    if hasattr(value, "toarray") and hasattr(value, "nnz"):
        if value.shape[0] * value.shape[1] * 8 > MAX_FRAME_BYTES:
            raise Unsupported("it is a sparse matrix that is too large written out")
        value = value.toarray()
    if isinstance(value, pd.Series):
        value = value.to_numpy() if isinstance(value.dtype, np.dtype) and value.dtype.kind in "biuf" else value.tolist()
    if isinstance(value, np.ndarray):
        column = array_column(value)
    elif isinstance(value, (list, tuple)):
        column = list_column(value)
    else:
        raise Unsupported(f"it is a {class_name(value)}, not an array, a list or a data frame")
    if len(column) != rows:
        raise Unsupported(f"it has {len(column)} elements for {rows} rows")
    return column


def array_column(value):
    import numpy as np
    import pyarrow as pa

    if value.ndim == 0:
        raise Unsupported("it is a single value, not one per row")
    if value.dtype.kind not in "biuf":
        if value.dtype.kind in "cVm":
            raise Unsupported(f"it is an array of {value.dtype}")
        return list_column(value.tolist())
    flat = np.ascontiguousarray(value).reshape(-1)
    if flat.dtype.kind == "u" and flat.size and flat.max() > np.iinfo(np.int64).max:
        raise Unsupported("it has integers that are larger than 64 bits with a sign hold")
    target = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}[flat.dtype.kind]
    column = pa.array(flat.astype(target, copy=False), from_pandas=False)
    for width in reversed(value.shape[1:]):
        if width == 0:
            raise Unsupported("it is an array of no columns")
        column = pa.FixedSizeListArray.from_arrays(column, width)
    return column


def list_column(values):
    import pyarrow as pa

    try:
        column = pa.array([plain(value, 0) for value in values], from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        raise Unsupported("its elements are not all of one type") from None
    return column


def plain(value, depth):
    """A value as `json.dumps` of MLflow would see it."""
    import numpy as np
    import pandas as pd

    if depth > MAX_DEPTH:
        raise Unsupported("it is nested too deeply")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if value is pd.NA:
        return None
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value))
    if isinstance(value, np.generic):
        return plain(value.item(), depth + 1)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, np.ndarray):
        return [plain(part, depth + 1) for part in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(part, depth + 1) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part, depth + 1) for key, part in value.items()}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(), depth + 1)
    raise Unsupported(f"it has a {class_name(value)}")


def class_name(value):
    return f"{type(value).__module__}.{type(value).__qualname__}"[:200]


# The loop.


def answer(model, body):
    """The parts of the body that answers a call."""
    import pyarrow as pa

    (length,) = LENGTH.unpack_from(body)
    call = json.loads(bytes(body[LENGTH.size : LENGTH.size + length]))
    with pa.ipc.open_stream(memoryview(body)[LENGTH.size + length :]) as reader:
        table = reader.read_all()
    value = model.call(call["method"], call.get("params"), table)
    column, columns_layout = to_column(value, table.num_rows)
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([column], names=["predictions"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    meta = json.dumps({"columns_layout": columns_layout}).encode()
    return LENGTH.pack(len(meta)), meta, memoryview(sink.getvalue())


def reply(model, body):
    try:
        parts = answer(model, body)
        if sum(len(part) for part in parts) > MAX_FRAME_BYTES:
            raise Unsupported(f"it has more than {MAX_FRAME_BYTES} bytes")
        return ANSWER, parts
    except Unsupported as error:
        return ERROR, (failure("answer", error),)
    except BaseException as error:
        return ERROR, (failure("raised", error),)


def failure(kind, error):
    """An exception as data: its class and a bounded text, which may repeat what the caller sent."""
    try:
        text = str(error)[:MAX_MESSAGE_CHARACTERS]
    except Exception:
        text = ""
    body = {"kind": kind, "class": type(error).__name__[:200], "message": text}
    return json.dumps(body).encode("utf-8", "replace")


def versions():
    found = {"python": sys.version.split()[0]}
    for name in ("mlflow", "pandas", "numpy", "pyarrow", "sklearn", "scipy"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found[name] = version[:50]
    return found


def start(channel, identity, body):
    """Loads the model and says so; None when that failed."""
    try:
        import pyarrow  # noqa: F401  (named in the error when it is missing)

        model = Model(json.loads(bytes(body))["model"])
    except BaseException as error:
        channel.send(ERROR, identity, failure("load", error))
        return None
    ready = {"versions": versions(), "methods": model.methods(), "features": model.features()}
    channel.send(READY, identity, json.dumps(ready).encode())
    return model


def serve(channel):
    model = None
    while (frame := channel.receive()) is not None:
        kind, identity, body = frame
        if kind == PING:
            channel.send(PONG, identity)
        elif kind == LOAD:
            model = start(channel, identity, body)
            if model is None:
                return
        elif kind == CALL and model is not None:
            outcome, parts = reply(model, body)
            channel.send(outcome, identity, *parts)
        else:
            raise SystemExit("a frame of an unknown kind")


if __name__ == "__main__":
    serve(Channel())
