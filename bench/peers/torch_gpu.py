"""The same training step in PyTorch on a GPU, from images that lie there: torch_gpu.py FOLDER cuda|cpu

Prints {"name": ...} or {"missing": why}, then one line for every line it reads:
  time eager|compiled|graph off|on BATCH STEPS    TF32 off or on; {"seconds": middle of the steps} or {"failed": why}
"""
import statistics
import sys
import time

import cifar3_work as work

try:
    import torch
    from torch import nn

    from torch_network import network
except ImportError as error:
    work.say({"missing": str(error)})
    sys.exit()

folder, device = sys.argv[1], sys.argv[2]
if device == "cuda" and not torch.cuda.is_available():
    work.say({"missing": f"PyTorch {torch.__version__} sees no CUDA device"})
    sys.exit()
on_gpu = device == "cuda"
torch.manual_seed(1)
pixels, labels = work.read_images(f"{folder}/train.bin")
all_x = torch.from_numpy(pixels.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last).to(device)
all_y = torch.from_numpy(labels).to(device)


def wait():
    if on_gpu:
        torch.cuda.synchronize()


def stepper(mode, batch):
    """A function that takes the batch that begins at an image, and trains one step."""
    model = network(torch.channels_last).to(device)
    criterion = nn.CrossEntropyLoss()
    options = {"fused": True, "capturable": mode == "graph"} if on_gpu else {}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, **options)
    forward = torch.compile(model) if mode == "compiled" else model

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        criterion(forward(x), y).backward()
        optimizer.step()

    def slice_at(first):
        return all_x[first : first + batch], all_y[first : first + batch]

    if mode != "graph":
        return lambda first: step(*slice_at(first))

    x, y = (part.clone() for part in slice_at(0))
    side = torch.cuda.Stream()  # as PyTorch's page on CUDA graphs has it: warm up beside the main stream, then record
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            step(x, y)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        criterion(model(x), y).backward()
        optimizer.step()

    def replay(first):
        new_x, new_y = slice_at(first)
        x.copy_(new_x)
        y.copy_(new_y)
        graph.replay()

    return replay


def middle(mode, tf32, batch, steps):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    step = stepper(mode, batch)
    count = max(1, len(all_x) // batch)
    for i in range(min(steps, 20)):
        step(i % count * batch)
    wait()
    seconds = []
    for i in range(steps):
        begin = time.perf_counter()
        step(i % count * batch)
        wait()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


work.say({"name": f"PyTorch {torch.__version__}" + (f", cuDNN {torch.backends.cudnn.version()}" if on_gpu else "")})
for line in sys.stdin:
    _, mode, tf32, batch, steps = line.split()
    try:
        work.say({"seconds": middle(mode, tf32 == "on", int(batch), int(steps))})
    except Exception as error:  # one mode that this PyTorch cannot, and the others can
        work.say({"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"})
