"""What TensorFlow itself keeps of a session, without Cifar3: 470 times a graph of the network's 68 variables and a convolution is built,
its variables are set, it runs once, and all is deleted. Prints the resident memory after 20, 70, ... 470 of them, in MB."""
import ctypes
import sys
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_int64, c_size_t, c_ubyte, c_void_p

tf = ctypes.CDLL(sys.argv[1])


class Output(Structure):
    _fields_ = [("oper", c_void_p), ("index", c_int)]


for name in "NewStatus NewGraph NewSessionOptions NewSession NewOperation FinishOperation AllocateTensor TensorData Message".split():
    getattr(tf, f"TF_{name}").restype = c_char_p if name == "Message" else c_void_p
FLOAT, UINT8 = 1, 4


def check(status):
    if tf.TF_GetCode(c_void_p(status)):
        sys.exit(tf.TF_Message(c_void_p(status)).decode())


def operator(graph, status, kind, name, inputs=(), dtype=None, shape=None, texts=(), ints=(), flags=()):
    d = c_void_p(tf.TF_NewOperation(graph, kind.encode(), name.encode()))
    for value in inputs:
        tf.TF_AddInput(d, Output(value, 0))
    if dtype:
        tf.TF_SetAttrType(d, b"dtype", dtype)
    if shape is not None:
        tf.TF_SetAttrShape(d, b"shape", (c_int64 * len(shape))(*shape), len(shape))
    for key, text in texts:
        tf.TF_SetAttrString(d, key, text, c_size_t(len(text)))
    for key, values in ints:
        tf.TF_SetAttrIntList(d, key, (c_int64 * len(values))(*values), len(values))
    for key, flag in flags:
        tf.TF_SetAttrBool(d, key, c_ubyte(flag))
    result = tf.TF_FinishOperation(d, c_void_p(status))
    check(status)
    return result


def tensor(shape):
    count = 1
    for size in shape:
        count *= size
    result = tf.TF_AllocateTensor(FLOAT, (c_int64 * len(shape))(*shape), len(shape), c_size_t(4 * count))
    ctypes.memset(tf.TF_TensorData(c_void_p(result)), 0, 4 * count)
    return result


def shapes():
    trainable, moving, inputs = [], [], 3
    for filters in (32, 64, 128):
        trainable += [(3, 3, inputs, filters), (filters,), (filters,), (filters,), (3, 3, filters, filters), (filters,)]
        moving += [(filters,), (filters,)]
        inputs = filters
    trainable += [(512, 3), (3,)]
    return trainable * 3 + moving


def run(session, status, feeds, values, fetches, targets):
    out = (c_void_p * max(1, len(fetches)))()
    tf.TF_SessionRun(
        session, None,
        (Output * len(feeds))(*[Output(x, 0) for x in feeds]), (c_void_p * len(values))(*values), len(feeds),
        (Output * len(fetches))(*[Output(x, 0) for x in fetches]), out, len(fetches),
        (c_void_p * len(targets))(*targets), len(targets), None, c_void_p(status))
    check(status)
    for value in list(values) + [x for x in out if x]:
        tf.TF_DeleteTensor(c_void_p(value))


def one():
    status, graph = tf.TF_NewStatus(), c_void_p(tf.TF_NewGraph())
    places, sets, reads = [], [], []
    for i, shape in enumerate(shapes()):
        handle = operator(graph, status, "VarHandleOp", f"v{i}", dtype=FLOAT, shape=shape, texts=[(b"shared_name", b"v%d" % i)])
        places.append(operator(graph, status, "Placeholder", f"p{i}", dtype=FLOAT, shape=shape))
        sets.append(operator(graph, status, "AssignVariableOp", f"a{i}", [handle, places[-1]], dtype=FLOAT, flags=[(b"validate_shape", 1)]))
        reads.append(operator(graph, status, "ReadVariableOp", f"r{i}", [handle], dtype=FLOAT))
    x = operator(graph, status, "Placeholder", "x", dtype=FLOAT, shape=(-1, 32, 32, 3))
    y = operator(graph, status, "Conv2D", "y", [x, reads[0]], texts=[(b"padding", b"SAME")], ints=[(b"strides", (1, 1, 1, 1))])
    options = c_void_p(tf.TF_NewSessionOptions())
    tf.TF_SetConfig(options, b"\x10\x02", c_size_t(2), c_void_p(status))
    session = c_void_p(tf.TF_NewSession(graph, options, c_void_p(status)))
    check(status)
    run(session, status, places, [tensor(shape) for shape in shapes()], [], sets)
    run(session, status, [x], [tensor((8, 32, 32, 3))], [y], [])
    tf.TF_CloseSession(session, c_void_p(status))
    tf.TF_DeleteSession(session, c_void_p(status))
    tf.TF_DeleteSessionOptions(options)
    tf.TF_DeleteGraph(graph)
    tf.TF_DeleteStatus(c_void_p(status))


def resident():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))


for i in range(1, 471):
    one()
    if i % 50 == 20:
        print(f"{resident():.2f}")
