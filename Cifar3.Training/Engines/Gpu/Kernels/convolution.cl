// 3×3 convolution with bias and ReLU, and its adjoints, each as one matrix product whose left factor is never stored (implicit GEMM):
//   conv_forward           y[m][k] = max(0, Σ_q patch(x)[m][q]·w[q][k] + bias[k])            m pixel of y, q = (tap, c)
//   conv_backward_input    dx[m][c] = Σ_q patch(dy)[m][q]·w[q][c]                            m pixel of x, q = (tap, k)
// The gradients of kernel and bias are made in convolution_weights.cl.
// x, dx [N, H, W, C]   y, dy [N, OH, OW, K]   w [9, C, K] and bias [K] within parameters.
// pad 1: "same", OH = H; pad 0: "valid", OH = H − 2. dy is the gradient in front of the ReLU: whoever makes it has applied that.
// Order of sums: q rising from 0, one fused multiply-add each; every 64 of them make a sum of their own, and these are added in their order; then the bias.
// (One sum over all rounds more: at step 1 of the golden files it took a ReLU or a pooling window otherwise than exact numbers do, and all gradients were off
// by 4.5e-3, not by 8e-7.) Where tiles are too few for a card, q is cut into slices of perSlice, whose sums conv_join adds; perSlice ≥ Q: one slice.
// C# in that order gives the same bits.
// A work-group of 64 makes a tile of 64 rows × 32 columns, a work-item 8 × 4 of it; 16 values of the summed index lie in local memory at a time, and the next 16
// are on their way into registers meanwhile. Nothing branches around a load (a card would wait for each alone): what is outside is read at place 0 and is 0 then.
// "wide" kernels load four numbers at once. They want numbers of channels that are multiples: of 16 where the summed index runs over them (so that 16 values
// belong to one tap), else of 4; and kernelAt a multiple of 4. The others take any.
#define ROWS 64
#define COLUMNS 32
#define DEPTH 16
#define A_STRIDE (ROWS + 4)                                // of local memory: keeps rows apart in its banks
#define B_STRIDE (COLUMNS + 4)
#define PLACE(t, i) ((t) * 4 + ((i) & 3) + ((i) >> 2) * 32) // a work-item's i-th row of the tile
#define ALIGNED __attribute__((aligned(16)))                 // four numbers a load
#define INLINED static inline __attribute__((always_inline))
#define UNROLL _Pragma("unroll")
#define ALL 15                                               // four bits: of four numbers all are inside

// For all of a work-item's 8 × 4 places. (A macro, not a function with acc as a pointer: acc must stay in registers.)
#define EACH_PLACE(i, j) \
    UNROLL for (int i = 0; i < 8; i++) \
        UNROLL for (int j = 0; j < 4; j++)

// acc[i][j] += Σ_d a[d][row i]·b[d][column j], d rising. a [DEPTH, A_STRIDE], b [DEPTH, B_STRIDE].
#define MULTIPLY_TILES(a, b, t, acc) \
    UNROLL for (int d = 0; d < DEPTH; d++) \
    { \
        float p[8], q[4]; \
        UNROLL for (int i = 0; i < 8; i++) \
            p[i] = a[d * A_STRIDE + PLACE((t) / 8, i)]; \
        UNROLL for (int j = 0; j < 4; j++) \
            q[j] = b[d * B_STRIDE + (t) % 8 * 4 + j]; \
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

// Bit tap = (ky, kx) is set where (y + sign·ky, x + sign·kx) lies in an image of h × w.
INLINED int taps_inside(int y, int x, int sign, int h, int w)
{
    int rows = 0, columns = 0;
    UNROLL for (int k = 0; k < 3; k++)
    {
        rows |= (uint)(y + sign * k) < (uint)h ? 1 << 3 * k : 0; // negative ones are large
        columns |= (uint)(x + sign * k) < (uint)w ? 1 << k : 0;
    }
    return rows * columns;
}

// Four numbers of a place that is aligned.
INLINED float4 four_at(__global const float* from, int at)
{
    return *(__global const float4*)(from + at);
}

// from[at], from[at + 1], from[at + 2], from[at + 3], those whose bit is set; others are any number.
INLINED float4 some_at(__global const float* from, int at, int inside)
{
    return (float4)(from[inside & 1 ? at : 0], from[inside & 2 ? at + 1 : 0], from[inside & 4 ? at + 2 : 0], from[inside & 8 ? at + 3 : 0]);
}

// Bits of the first of four numbers, those of a row that has count more.
INLINED int bits_of(int count)
{
    return count >= 4 ? ALL : count <= 0 ? 0 : (1 << count) - 1;
}

// Four numbers down a column of a or b: those whose bit is set, zeros for the others. (Not when they are loaded: that would wait for them.)
INLINED void store_column(__local float* to, int stride, float4 v, int inside)
{
    to[0] = inside & 1 ? v.x : 0;
    to[stride] = inside & 2 ? v.y : 0;
    to[2 * stride] = inside & 4 ? v.z : 0;
    to[3 * stride] = inside & 8 ? v.w : 0;
}

// The same along a row.
INLINED void store_row(__local float* to, float4 v, int inside)
{
    *(__local float4*)to = (float4)(inside & 1 ? v.x : 0, inside & 2 ? v.y : 0, inside & 4 ? v.z : 0, inside & 8 ? v.w : 0);
}

// patch(from)[row i][q] for this work-item's four rows, t/4 + 16·i, and q = q0 + 4·(t%4) to + 3; a pixel has channels numbers, and so far is a tap: step(tap).
#define STEP(tap) (sign * ((tap) / 3 * width + (tap) % 3) * channels)

INLINED float4 any_patch(__global const float* from, int at, int inside, int q, int sign, int width, int channels, int* bits)
{
    float v[4];
    *bits = 0;
    UNROLL for (int e = 0; e < 4; e++)
    {
        const int tap = (q + e) / channels, is_inside = tap < 9 && (inside >> tap & 1);
        v[e] = from[is_inside ? at + STEP(tap) + q + e - tap * channels : 0];
        *bits |= is_inside << e;
    }
    return (float4)(v[0], v[1], v[2], v[3]);
}

// The product of patches of x [·, height, width, channels] with the kernel: sums[row][column] of a tile, by forward and backward_input. at and inside: of this
// work-item's four rows. adjoint 0: the kernel as [9·C, K], rows q; 1: its transpose, column c of row q = (tap, k) being w[tap][c][k].
INLINED void multiply_patches(const int wide, const int adjoint, __local float* a, __local float* b, __global const float* x, __global const float* parameters,
    int kernelAt, const int* at, const int* inside, int column0, int columns, int width, int channels, int first, int end, float total[8][4])
{
    const int t = get_local_id(0), sign = adjoint ? -1 : 1;
    float acc[8][4];
    EACH_PLACE(i, j)
        acc[i][j] = total[i][j] = 0;
    float4 patches[4], weights[2];
    int hasPatch[4], hasWeights[2], place[4], weightsAt[2]; // which of the four are inside, as bits; where tap and column begin
    UNROLL for (int i = 0; i < 4; i++)
        hasPatch[i] = place[i] = 0;
    UNROLL for (int i = 0; i < 2; i++)
    {
        const int column = column0 + (adjoint ? t / 4 + 16 * i : 4 * (t % 8));
        hasWeights[i] = column < columns ? ALL : 0;
        weightsAt[i] = !hasWeights[i] ? 0 : adjoint ? kernelAt + column * channels + 4 * (t % 4) : kernelAt + (t / 8 + 8 * i) * columns + column;
    }
    for (int q0 = first, tap = first / channels, c = first - tap * channels; ; q0 += DEPTH)
    {
        if (q0 < end && wide)
        {
            if (c == 0 || q0 == first) // the next tap
                UNROLL for (int i = 0; i < 4; i++)
                {
                    hasPatch[i] = inside[i] >> tap & 1 ? ALL : 0;
                    place[i] = hasPatch[i] ? at[i] + STEP(tap) + 4 * (t % 4) : 0;
                }
            UNROLL for (int i = 0; i < 4; i++)
                patches[i] = four_at(x, place[i] + c);
            UNROLL for (int i = 0; i < 2; i++)
                weights[i] = four_at(parameters, !hasWeights[i] ? 0 : weightsAt[i] + (adjoint ? tap * columns * channels + c : q0 * columns));
            c += DEPTH;
            if (c == channels)
            {
                c = 0;
                tap++;
            }
        }
        if (q0 < end && !wide)
        {
            const int q = q0 + 4 * (t % 4);
            UNROLL for (int i = 0; i < 4; i++)
                patches[i] = any_patch(x, at[i], q < end ? inside[i] : 0, q, sign, width, channels, &hasPatch[i]);
            UNROLL for (int i = 0; i < 2; i++)
            {
                if (adjoint)
                {
                    const int column = column0 + t / 4 + 16 * i;
                    float v[4];
                    hasWeights[i] = column < columns ? bits_of(end - q) : 0;
                    UNROLL for (int e = 0; e < 4; e++)
                        v[e] = parameters[hasWeights[i] >> e & 1 ? kernelAt + ((q + e) / channels * columns + column) * channels + (q + e) % channels : 0];
                    weights[i] = (float4)(v[0], v[1], v[2], v[3]);
                }
                else
                {
                    const int row = q0 + t / 8 + 8 * i, column = column0 + 4 * (t % 8);
                    hasWeights[i] = row < end ? bits_of(columns - column) : 0;
                    weights[i] = some_at(parameters, kernelAt + row * columns + column, hasWeights[i]);
                }
            }
        }
        if (q0 > first)
        {
            MULTIPLY_TILES(a, b, t, acc)
            if ((q0 - first) % (4 * DEPTH) == 0)
                JOIN(total, acc)
            if (q0 >= end)
                break;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        UNROLL for (int i = 0; i < 4; i++)
            store_column(a + 4 * (t % 4) * A_STRIDE + t / 4 + 16 * i, A_STRIDE, patches[i], hasPatch[i]);
        UNROLL for (int i = 0; i < 2; i++)
        {
            if (adjoint)
                store_column(b + 4 * (t % 4) * B_STRIDE + t / 4 + 16 * i, B_STRIDE, weights[i], hasWeights[i]);
            else
                store_row(b + (t / 8 + 8 * i) * B_STRIDE + 4 * (t % 8), weights[i], hasWeights[i]);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    JOIN(total, acc)
}

INLINED void forward(const int wide, __local float* a, __local float* b, __global const float* x, __global const float* parameters, int kernelAt, int biasAt,
    __global float* y, int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    const int t = get_local_id(0), m0 = get_group_id(0) * ROWS, k0 = get_group_id(1) * COLUMNS, slice = get_group_id(2), M = N * OH * OW, Q = 9 * C;
    const int first = slice * perSlice, end = first + perSlice < Q ? first + perSlice : Q;
    int at[4], inside[4]; // of the patches of this work-item's rows
    UNROLL for (int i = 0; i < 4; i++)
    {
        const int m = m0 + t / 4 + 16 * i, image = m / (OH * OW), pixel = m - image * OH * OW, iy = pixel / OW - pad, ix = pixel % OW - pad;
        at[i] = ((image * H + iy) * W + ix) * C;
        inside[i] = m < M ? taps_inside(iy, ix, 1, H, W) : 0;
    }

    float total[8][4];
    multiply_patches(wide, 0, a, b, x, parameters, kernelAt, at, inside, k0, K, W, C, first, end, total);
    EACH_PLACE(i, j)
    {
        const int m = m0 + PLACE(t / 8, i), k = k0 + t % 8 * 4 + j;
        if (m < M && k < K)
        {
            const float sum = total[i][j] + parameters[biasAt + k];
            y[(slice * M + m) * K + k] = perSlice < Q ? total[i][j] : relu(sum);
        }
    }
}

KERNEL conv_forward(__global const float* restrict x, __global const float* restrict parameters, int kernelAt, int biasAt, __global float* restrict y,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * A_STRIDE] ALIGNED, b[DEPTH * B_STRIDE] ALIGNED;
    forward(0, a, b, x, parameters, kernelAt, biasAt, y, N, H, W, C, OH, OW, K, pad, perSlice);
}

KERNEL conv_forward_wide(__global const float* restrict x, __global const float* restrict parameters, int kernelAt, int biasAt, __global float* restrict y,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * A_STRIDE] ALIGNED, b[DEPTH * B_STRIDE] ALIGNED;
    forward(1, a, b, x, parameters, kernelAt, biasAt, y, N, H, W, C, OH, OW, K, pad, perSlice);
}

INLINED void backward_input(const int wide, __local float* a, __local float* b, __global const float* dy, __global const float* parameters, int kernelAt,
    __global float* dx, int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    const int t = get_local_id(0), m0 = get_group_id(0) * ROWS, c0 = get_group_id(1) * COLUMNS, slice = get_group_id(2), M = N * H * W, Q = 9 * K;
    const int first = slice * perSlice, end = first + perSlice < Q ? first + perSlice : Q;
    int at[4], inside[4]; // where tap 0 took this work-item's rows to in y
    UNROLL for (int i = 0; i < 4; i++)
    {
        const int m = m0 + t / 4 + 16 * i, image = m / (H * W), pixel = m - image * H * W, oy = pixel / W + pad, ox = pixel % W + pad;
        at[i] = ((image * OH + oy) * OW + ox) * K;
        inside[i] = m < M ? taps_inside(oy, ox, -1, OH, OW) : 0;
    }

    float total[8][4];
    multiply_patches(wide, 1, a, b, dy, parameters, kernelAt, at, inside, c0, C, OW, K, first, end, total);
    EACH_PLACE(i, j)
    {
        const int m = m0 + PLACE(t / 8, i), c = c0 + t % 8 * 4 + j;
        if (m < M && c < C)
            dx[(slice * M + m) * C + c] = total[i][j];
    }
}

KERNEL conv_backward_input(__global const float* restrict dy, __global const float* restrict parameters, int kernelAt, __global float* restrict dx,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * A_STRIDE] ALIGNED, b[DEPTH * B_STRIDE] ALIGNED;
    backward_input(0, a, b, dy, parameters, kernelAt, dx, N, H, W, C, OH, OW, K, pad, perSlice);
}

KERNEL conv_backward_input_wide(__global const float* restrict dy, __global const float* restrict parameters, int kernelAt, __global float* restrict dx,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * A_STRIDE] ALIGNED, b[DEPTH * B_STRIDE] ALIGNED;
    backward_input(1, a, b, dy, parameters, kernelAt, dx, N, H, W, C, OH, OW, K, pad, perSlice);
}

// What the slices of a product make together: to[e] = Σ_slice part[slice][e], slices rising; forward, with bias and ReLU. part [slices, count / K, K]
KERNEL conv_join(__global const float* restrict part, int slices, __global const float* restrict parameters, int biasAt, int isForward, __global float* restrict to, int count, int K)
{
    EACH_ELEMENT(e, count)
    {
        float sum = part[e];
        for (int slice = 1; slice < slices; slice++)
            sum += part[slice * count + e];
        const float y = sum + parameters[isForward ? biasAt + e % K : 0];
        to[e] = !isForward ? sum : relu(y);
    }
}
