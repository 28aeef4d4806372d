// 3×3 convolution with bias and ReLU, and its adjoints, each as one matrix product whose left factor is never stored (implicit GEMM):
//   conv_forward           y[m][k] = max(0, Σ_q patch(x)[m][q]·w[q][k] + bias[k])            m pixel of y, q = (tap, c)
//   conv_backward_input    dx[m][c] = Σ_q patch(dy)[m][q]·w[q][c]                            m pixel of x, q = (tap, k)
//   conv_backward_weights  part[slice][q][k] = Σ_m patch(x)[m][q]·dy[m][k]                   m in the slice, q = (tap, c)
// x, dx [N, H, W, C]   y, dy [N, OH, OW, K]   w [9, C, K] and bias [K] within parameters   part [slices, 9·C, K], added up by sum_slices.
// pad 1: "same", OH = H; pad 0: "valid", OH = H − 2. dy is the gradient in front of the ReLU: whoever makes it has applied that.
// Order of sums: q, or m within a slice, rising from 0, one fused multiply-add each; every 64 of them make a sum of their own, and these are added in their
// order; then the bias. (One sum over all rounds more: at step 1 of the golden files it took a ReLU or a pooling window
// otherwise than exact numbers do, and all gradients were off by 4.5e-3, not by 8e-7.) C# in that order gives the same bits.
// A work-group of 64 makes a tile of 64 × 64, a work-item 8 × 8 of it; 16 values of the summed index lie in local memory at a time.
#define TILE 64
#define DEPTH 16
#define STRIDE (TILE + 4)                                  // of local memory: keeps rows apart in its banks
#define PLACE(t, i) ((t) * 4 + ((i) & 3) + ((i) >> 2) * 32) // a work-item's i-th row or column of the tile
#define OUTSIDE -1000000
#define ALIGNED __attribute__((aligned(16)))                 // four numbers a load

// For all of a work-item's 8 × 8 places. (A macro, not a function with acc as a pointer: acc must stay in registers.)
#define EACH_PLACE(i, j) \
    _Pragma("unroll") for (int i = 0; i < 8; i++) \
        _Pragma("unroll") for (int j = 0; j < 8; j++)

// acc[i][j] += Σ_d a[d][row i]·b[d][column j], d rising. a, b [DEPTH, STRIDE].
#define MULTIPLY_TILES(a, b, t, acc) \
    _Pragma("unroll") for (int d = 0; d < DEPTH; d++) \
    { \
        float p[8], q[8]; \
        _Pragma("unroll") for (int i = 0; i < 8; i++) \
        { \
            p[i] = a[d * STRIDE + PLACE((t) / 8, i)]; \
            q[i] = b[d * STRIDE + PLACE((t) % 8, i)]; \
        } \
        EACH_PLACE(i, j) \
            acc[i][j] = FMA(p[i], q[j], acc[i][j]); \
    }

// total += acc, acc = 0: after every fourth product, and at the end.
#define JOIN(total, acc) \
    EACH_PLACE(i, j) \
    { \
        total[i][j] += acc[i][j]; \
        acc[i][j] = 0; \
    }

KERNEL conv_forward(__global const float* restrict x, __global const float* restrict parameters, int kernelAt, int biasAt, __global float* restrict y,
    int N, int H, int W, int C, int OH, int OW, int K, int pad)
{
    __local float a[DEPTH * STRIDE] ALIGNED, b[DEPTH * STRIDE] ALIGNED;
    __local int top[TILE], left[TILE], at[TILE]; // of the patches of the tile's pixels; at = index in x
    const int t = get_local_id(0), m0 = get_group_id(0) * TILE, k0 = get_group_id(1) * TILE, M = N * OH * OW, Q = 9 * C;
    const int image = (m0 + t) / (OH * OW), pixel = (m0 + t) % (OH * OW), iy0 = pixel / OW - pad, ix0 = pixel % OW - pad;
    top[t] = m0 + t < M ? iy0 : OUTSIDE;
    left[t] = ix0;
    at[t] = ((image * H + iy0) * W + ix0) * C;

    float acc[8][8], total[8][8];
    EACH_PLACE(i, j)
        acc[i][j] = total[i][j] = 0;
    for (int q0 = 0; q0 < Q; q0 += DEPTH)
    {
        const int d = t % DEPTH, q = q0 + d, tap = q / C, ky = tap / 3, kx = tap % 3, offset = (ky * W + kx) * C + q - tap * C;
        barrier(CLK_LOCAL_MEM_FENCE);
        #pragma unroll
        for (int i = 0; i < TILE / 4; i++)
        {
            const int p = t / DEPTH + 4 * i, iy = top[p] + ky, ix = left[p] + kx;
            a[d * STRIDE + p] = q < Q && iy >= 0 && iy < H && ix >= 0 && ix < W ? x[at[p] + offset] : 0;
        }
        #pragma unroll
        for (int i = 0; i < DEPTH; i++)
            b[i * STRIDE + t] = q0 + i < Q && k0 + t < K ? parameters[kernelAt + (q0 + i) * K + k0 + t] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        MULTIPLY_TILES(a, b, t, acc)
        if (q0 % (4 * DEPTH) == 3 * DEPTH)
            JOIN(total, acc)
    }
    JOIN(total, acc)

    EACH_PLACE(i, j)
    {
        const int m = m0 + PLACE(t / 8, i), k = k0 + PLACE(t % 8, j);
        if (m < M && k < K)
        {
            const float sum = total[i][j] + parameters[biasAt + k];
            y[m * K + k] = sum > 0 ? sum : 0;
        }
    }
}

KERNEL conv_backward_input(__global const float* restrict dy, __global const float* restrict parameters, int kernelAt, __global float* restrict dx,
    int N, int H, int W, int C, int OH, int OW, int K, int pad)
{
    __local float a[DEPTH * STRIDE] ALIGNED, b[DEPTH * STRIDE] ALIGNED;
    __local int bottom[TILE], right[TILE], at[TILE]; // where tap 0 took the tile's pixels to in y
    const int t = get_local_id(0), m0 = get_group_id(0) * TILE, c0 = get_group_id(1) * TILE, M = N * H * W, Q = 9 * K;
    const int image = (m0 + t) / (H * W), pixel = (m0 + t) % (H * W), oy0 = pixel / W + pad, ox0 = pixel % W + pad;
    bottom[t] = m0 + t < M ? oy0 : OUTSIDE;
    right[t] = ox0;
    at[t] = ((image * OH + oy0) * OW + ox0) * K;

    float acc[8][8], total[8][8];
    EACH_PLACE(i, j)
        acc[i][j] = total[i][j] = 0;
    for (int q0 = 0; q0 < Q; q0 += DEPTH)
    {
        const int d = t % DEPTH, q = q0 + d, tap = q / K, k = q - tap * K, ky = tap / 3, kx = tap % 3, offset = k - (ky * OW + kx) * K;
        barrier(CLK_LOCAL_MEM_FENCE);
        #pragma unroll
        for (int i = 0; i < TILE / 4; i++)
        {
            const int p = t / DEPTH + 4 * i, oy = bottom[p] - ky, ox = right[p] - kx;
            a[d * STRIDE + p] = q < Q && oy >= 0 && oy < OH && ox >= 0 && ox < OW ? dy[at[p] + offset] : 0;
            b[d * STRIDE + p] = q < Q && c0 + p < C ? parameters[kernelAt + (tap * C + c0 + p) * K + k] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        MULTIPLY_TILES(a, b, t, acc)
        if (q0 % (4 * DEPTH) == 3 * DEPTH)
            JOIN(total, acc)
    }
    JOIN(total, acc)

    EACH_PLACE(i, j)
    {
        const int m = m0 + PLACE(t / 8, i), c = c0 + PLACE(t % 8, j);
        if (m < M && c < C)
            dx[m * C + c] = total[i][j];
    }
}

KERNEL conv_backward_weights(__global const float* restrict x, __global const float* restrict dy, __global float* restrict part,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * STRIDE] ALIGNED, b[DEPTH * STRIDE] ALIGNED;
    __local int top[DEPTH], left[DEPTH], at[DEPTH]; // of the patches of the pixels that are being added
    const int t = get_local_id(0), q0 = get_group_id(0) * TILE, k0 = get_group_id(1) * TILE, slice = get_group_id(2);
    const int M = N * OH * OW, Q = 9 * C, first = slice * perSlice, end = first + perSlice < M ? first + perSlice : M;
    const int q = q0 + t, tap = q / C, ky = tap / 3, kx = tap % 3, offset = (ky * W + kx) * C + q - tap * C;

    float acc[8][8], total[8][8];
    EACH_PLACE(i, j)
        acc[i][j] = total[i][j] = 0;
    for (int m0 = first; m0 < end; m0 += DEPTH)
    {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t < DEPTH)
        {
            const int image = (m0 + t) / (OH * OW), pixel = (m0 + t) % (OH * OW), iy0 = pixel / OW - pad, ix0 = pixel % OW - pad;
            top[t] = m0 + t < end ? iy0 : OUTSIDE;
            left[t] = ix0;
            at[t] = ((image * H + iy0) * W + ix0) * C;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        #pragma unroll
        for (int i = 0; i < DEPTH; i++)
        {
            const int iy = top[i] + ky, ix = left[i] + kx;
            a[i * STRIDE + t] = q < Q && iy >= 0 && iy < H && ix >= 0 && ix < W ? x[at[i] + offset] : 0;
            b[i * STRIDE + t] = k0 + t < K && m0 + i < end ? dy[(m0 + i) * K + k0 + t] : 0;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        MULTIPLY_TILES(a, b, t, acc)
        if ((m0 - first) % (4 * DEPTH) == 3 * DEPTH)
            JOIN(total, acc)
    }
    JOIN(total, acc)

    EACH_PLACE(i, j)
    {
        const int row = q0 + PLACE(t / 8, i), k = k0 + PLACE(t % 8, j);
        if (row < Q && k < K)
            part[(slice * Q + row) * K + k] = total[i][j];
    }
}
