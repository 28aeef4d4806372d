#!/usr/bin/env bash
# Compiles the kernels' text to NVIDIA's PTX, which the driver compiles further for its card: bash make-ptx.sh > kernels.ptx
# Needs clang 15 (Debian: apt-get install clang-15), no card and no CUDA toolkit. GpuPtxTests compares kernels.ptx with what this writes, byte for byte.
#   sm_60   cards since 2016 (Pascal), and through their driver's compiler all later ones; the newest that this clang knows for OpenCL C is sm_86
#   ptx70   drivers from CUDA 11.0 on (450.36)
# Every kernel is told that its groups have 64 work-items, which clang 15 forgets for this target (reqd_work_group_size): a driver that must allow for
# groups of 1,024 gives a work-item 64 registers, and a convolution needs 128 to 165. conv_backward_weights_wide is held to the 128 with which eight groups fit
# on a multiprocessor: that is enough for it, and faster (measured on an H200; the other two are slower so).
set -euo pipefail
cd "$(dirname "$0")"
files=(common.cl convolution.cl convolution_weights.cl sums.cl normalization.cl pooling.cl dense.cl update.cl) # GpuKernels.Files
echo '// make-ptx.sh made this out of the .cl files beside it.'
cat "${files[@]}" |
  clang-15 -x cl -cl-std=CL1.2 -cl-no-stdinc -cl-fp32-correctly-rounded-divide-sqrt -ffp-contract=off -target nvptx64-nvidia-cuda \
    -Xclang -target-cpu -Xclang sm_60 -Xclang -target-feature -Xclang +ptx70 -O3 -S - -o - |
  sed -e 's|^)$|)\n.reqntid 64, 1, 1|' -e '/^\t*\/\//d' -e '/^$/d' |
  awk '{ print } /^\.visible \.entry/ { held = /weights_wide\(/ } /^\.reqntid/ && held { print ".minnctapersm 8" }'
