// The gradients of a 3×3 convolution's kernel and bias, as one matrix product like those of convolution.cl, whose tiles, macros and names these are:
//   conv_backward_weights  part[slice][q][k] = Σ_m patch(x)[m][q]·dy[m][k]                   m in the slice, q = (tap, c)
//                          part[slice][9·C][k] = Σ_m dy[m][k], the bias': the same sums, of what lies in local memory anyway
// x [N, H, W, C]   dy [N, OH, OW, K], in front of the ReLU   part [slices, 9·C + 1, K], added up by sum_slices. A slice has perSlice pixels m.
// Order of sums: m rising within a slice, every 64 of them a sum of their own. "wide" wants C and K to be multiples of 4.
#define PIXELS 64 // looked up at a time: which of a patch's taps are inside, and where it lies

INLINED void look_up_pixel(__local int* at, __local int* inside, int m, int end, int H, int W, int C, int OH, int OW, int pad)
{
    const int image = m / (OH * OW), pixel = m - image * OH * OW, iy = pixel / OW - pad, ix = pixel % OW - pad;
    *at = ((image * H + iy) * W + ix) * C;
    *inside = m < end ? taps_inside(iy, ix, 1, H, W) : 0;
}

INLINED void backward_weights(const int wide, __local float* a, __local float* b, __local int* at, __local int* inside, __global const float* x,
    __global const float* dy, __global float* part, int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    const int t = get_local_id(0), q0 = get_group_id(0) * ROWS, k0 = get_group_id(1) * COLUMNS, slice = get_group_id(2), sign = 1, width = W, channels = C;
    const int M = N * OH * OW, Q = 9 * C, first = slice * perSlice, end = first + perSlice < M ? first + perSlice : M;
    int tap[4], step[4]; // of this work-item's four rows of the tile: 4·(t%16) to + 3
    UNROLL for (int e = 0; e < 4; e++)
    {
        const int q = q0 + 4 * (t % 16) + e;
        tap[e] = q < Q ? q / C : 9;
        step[e] = STEP(tap[e]) + q - tap[e] * C;
    }

    float acc[8][4], total[8][4], biasAcc = 0, biasTotal = 0;
    EACH_PLACE(i, j)
        acc[i][j] = total[i][j] = 0;
    float4 patches[4], gradients[2];
    int hasPatch[4], hasGradients[2];
    look_up_pixel(at + t, inside + t, first + t, end, H, W, C, OH, OW, pad);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int m0 = first; ; m0 += DEPTH)
    {
        const int pixel = (m0 - first) % (2 * PIXELS); // place in the two tables
        if (m0 < end)
        {
            UNROLL for (int i = 0; i < 4; i++)
            {
                const int d = pixel + t / 16 + 4 * i, from = at[d], taps = inside[d];
                if (wide)
                {
                    hasPatch[i] = taps >> tap[0] & 1 ? ALL : 0;
                    patches[i] = four_at(x, hasPatch[i] ? from + step[0] : 0);
                }
                else
                {
                    float v[4];
                    hasPatch[i] = 0;
                    UNROLL for (int e = 0; e < 4; e++)
                    {
                        v[e] = x[taps >> tap[e] & 1 ? from + step[e] : 0];
                        hasPatch[i] |= (taps >> tap[e] & 1) << e;
                    }
                    patches[i] = (float4)(v[0], v[1], v[2], v[3]);
                }
            }
            UNROLL for (int i = 0; i < 2; i++)
            {
                const int m = m0 + t / 8 + 8 * i, k = k0 + 4 * (t % 8);
                hasGradients[i] = m < end ? bits_of(K - k) : 0;
                gradients[i] = wide ? four_at(dy, hasGradients[i] ? m * K + k : 0) : some_at(dy, m * K + k, hasGradients[i]);
            }
        }
        if (m0 > first)
        {
            MULTIPLY_TILES(a, b, t, acc)
            if (get_group_id(0) == 0 && t < COLUMNS)
                UNROLL for (int d = 0; d < DEPTH; d++)
                    biasAcc += b[d * B_STRIDE + t];
            if ((m0 - first) % (4 * DEPTH) == 0)
            {
                JOIN(total, acc)
                biasTotal += biasAcc;
                biasAcc = 0;
            }
            if (m0 >= end)
                break;
        }
        if (pixel % PIXELS == 0)
        {
            const int next = (pixel + PIXELS) % (2 * PIXELS) + t;
            look_up_pixel(at + next, inside + next, m0 + PIXELS + t, end, H, W, C, OH, OW, pad);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        UNROLL for (int i = 0; i < 4; i++)
            store_row(a + (t / 16 + 4 * i) * A_STRIDE + 4 * (t % 16), patches[i], hasPatch[i]);
        UNROLL for (int i = 0; i < 2; i++)
            store_row(b + (t / 8 + 8 * i) * B_STRIDE + 4 * (t % 8), gradients[i], hasGradients[i]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    JOIN(total, acc)

    EACH_PLACE(i, j)
    {
        const int row = q0 + PLACE(t / 8, i), k = k0 + t % 8 * 4 + j;
        if (row < Q && k < K)
            part[(slice * (Q + 1) + row) * K + k] = total[i][j];
    }
    if (get_group_id(0) == 0 && t < COLUMNS && k0 + t < K)
        part[(slice * (Q + 1) + Q) * K + k0 + t] = biasTotal + biasAcc;
}

KERNEL conv_backward_weights(__global const float* restrict x, __global const float* restrict dy, __global float* restrict part,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * A_STRIDE] ALIGNED, b[DEPTH * B_STRIDE] ALIGNED;
    __local int at[2 * PIXELS], inside[2 * PIXELS];
    backward_weights(0, a, b, at, inside, x, dy, part, N, H, W, C, OH, OW, K, pad, perSlice);
}

KERNEL conv_backward_weights_wide(__global const float* restrict x, __global const float* restrict dy, __global float* restrict part,
    int N, int H, int W, int C, int OH, int OW, int K, int pad, int perSlice)
{
    __local float a[DEPTH * A_STRIDE] ALIGNED, b[DEPTH * B_STRIDE] ALIGNED;
    __local int at[2 * PIXELS], inside[2 * PIXELS];
    backward_weights(1, a, b, at, inside, x, dy, part, N, H, W, C, OH, OW, K, pad, perSlice);
}
