// One text for three compilers: drivers of OpenCL 1.2 (when the engine starts), PoCL (the tests), and clang for NVIDIA's PTX (offline, __NVPTX__).
// What all kernels share: work-groups of 64, fused multiply-add asked for by name and never chosen by a compiler, sums in float32 that keep what
// rounding loses, and exp and log written out, so that no driver's library decides their last bits. No kernel needs float64 or atomics.
// All tensors are row-major, channels last: [N, H, W, C]. Names: d before a name is the gradient; M = rows, a pixel of an image each.
#ifdef __NVPTX__
typedef unsigned char uchar;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float4 __attribute__((ext_vector_type(4)));
#define get_local_id(d) ((int)__nvvm_read_ptx_sreg_tid_x())
#define get_group_id(d) ((d) == 0 ? (int)__nvvm_read_ptx_sreg_ctaid_x() : (d) == 1 ? (int)__nvvm_read_ptx_sreg_ctaid_y() : (int)__nvvm_read_ptx_sreg_ctaid_z())
#define barrier(flags) __syncthreads()
#define CLK_LOCAL_MEM_FENCE 0
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define SQRT(x) __builtin_sqrtf(x)
#define RINT(x) __builtin_rintf(x)
#define AS_FLOAT(x) __builtin_astype(x, float)
#define AS_INT(x) __builtin_astype(x, int)
#else
#define FMA(a, b, c) fma(a, b, c)
#define SQRT(x) sqrt(x)
#define RINT(x) rint(x)
#define AS_FLOAT(x) as_float(x)
#define AS_INT(x) as_int(x)
#endif
#pragma OPENCL FP_CONTRACT OFF

#define GROUP 64
#define KERNEL __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
#define ELEMENT ((int)get_group_id(0) * GROUP + (int)get_local_id(0)) // of kernels that compute element by element
#define FEW 4                                                           // elements of a work-item where there are many: their loads are under way together
#define EACH_ELEMENT(e, count) \
    _Pragma("unroll") for (int part_ = 0, e = (int)get_group_id(0) * FEW * GROUP + (int)get_local_id(0); part_ < FEW; part_++, e += GROUP) \
        if (e < (count))

// In loops that add up rows of [·, stride], step rows apart: the next 16 are loaded together, since a card waits hundreds of cycles for one, and then added in
// their order. Beyond the end the last row is loaded; whoever adds takes 0 instead, which changes no bit.
#define AHEAD 16
#define EACH_AHEAD(i) _Pragma("unroll") for (int i = 0; i < AHEAD; i++)
#define LOAD_AHEAD(v, from, row, step, end, stride, column) \
    EACH_AHEAD(i_) \
        v[i_] = (from)[((row) + i_ * (step) < (end) ? (row) + i_ * (step) : (end) - 1) * (stride) + (column)];

// A sum and what its rounding lost (Neumaier 1974, with Knuth's exact error of an addition): as good as float64 for the sums here.
static inline float2 add(float2 sum, float x)
{
    const float total = sum.x + x, added = total - sum.x;
    return (float2)(total, sum.y + ((sum.x - (total - added)) + (x - added)));
}

// max(0, x), where NaN stays NaN: one in the weights must show in the loss and the probabilities, and max.f32 would make 0 of it.
static inline float relu(float x) { return x <= 0 ? 0 : x; }

// The sum over a work-group, the same for all its work-items: work-item t adds t + 32, then t + 16, and so on. all [64] in local memory.
static inline float2 sum_of_group(float2 own, __local float2* all)
{
    const int t = get_local_id(0);
    all[t] = own;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int rest = GROUP / 2; rest > 0; rest /= 2)
    {
        if (t < rest)
        {
            const float2 sum = add(all[t], all[t + rest].x);
            all[t] = (float2)(sum.x, sum.y + all[t + rest].y);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float2 total = all[0];
    barrier(CLK_LOCAL_MEM_FENCE); // before all is used again
    return total;
}

// Work-groups that add up columns: COLUMN columns, and work-item t adds rows t/COLUMN, t/COLUMN + LANES, … of column t%COLUMN.
#define COLUMN 16
#define LANES (GROUP / COLUMN)

// The sum over a column's work-items, the first lane's first; the same for all of them. all [64] in local memory.
static inline float2 sum_of_lanes(float2 own, __local float2* all)
{
    const int t = get_local_id(0);
    all[t] = own;
    barrier(CLK_LOCAL_MEM_FENCE);
    float2 total = all[t % COLUMN];
    for (int lane = 1; lane < LANES; lane++)
    {
        const float2 other = all[t % COLUMN + lane * COLUMN];
        total = add(total, other.x);
        total.y += other.y;
    }
    barrier(CLK_LOCAL_MEM_FENCE); // before all is used again
    return total;
}

// eˣ for x ≤ 0: x = n·ln 2 + r, |r| ≤ ln 2 / 2, and eʳ by its series to r⁷. Below 2⁻¹²⁶ it is 0.
static inline float exp_of(float x)
{
    const float n = RINT(x * 1.44269504f);
    if (n < -126)
        return 0;
    const float r = FMA(n, 1.42860677e-6f, FMA(n, -0.693148613f, x)); // ln 2 in two parts
    float p = FMA(r, 1.98412698e-4f, 1.38888889e-3f);
    p = FMA(p, r, 8.33333333e-3f);
    p = FMA(p, r, 4.16666667e-2f);
    p = FMA(p, r, 1.66666667e-1f);
    p = FMA(p, r, 0.5f);
    p = FMA(p, r, 1.0f);
    p = FMA(p, r, 1.0f);
    return p * AS_FLOAT(((int)n + 127) << 23);
}

// ln(1 + r) for r ≥ 0: 1 + r = 2ᵉ·m, m from √½ to √2, and ln m = 2 artanh((m − 1)/(m + 1)) by its series. Where e is 0, m − 1 is r itself, however small.
static inline float log_of_1_plus(float r)
{
    const int bits = AS_INT(1 + r) - 0x3f3504f3;           // √½
    const float e = (float)(bits >> 23), m1 = bits >> 23 == 0 ? r : AS_FLOAT((bits & 0x7fffff) + 0x3f3504f3) - 1;
    const float s = m1 / (m1 + 2), q = s * s;
    float p = FMA(q, 0.111111111f, 0.142857143f);
    p = FMA(p, q, 0.2f);
    p = FMA(p, q, 0.333333333f);
    return FMA(e, 0.693147181f, 2 * FMA(p * q, s, s));
}
