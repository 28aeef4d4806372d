// Batch normalization behind a ReLU, and both one's adjoint.
//   z = γ·x̂ + β,  x̂ = (y − μ)·ρ,  ρ = 1/√(σ² + ε); μ, σ² (biased) of the batch, or the moving ones where the layer is frozen and in inference
//   dγ = Σ dz·x̂,  dβ = Σ dz,  dy = γ·ρ·(dz − (dβ + x̂·dγ)/M); frozen: dy = γ·ρ·dz; and 0 where the ReLU gave 0
// y, z, d [M, C]; M = N·H·W. γ, β and the moving statistics lie in parameters, dγ and dβ (side by side) in gradients, μ, σ², ρ in norms: offsets tell where.
// Statistics are exact to float32's last bits, however large the mean is: a tile of rows gives its mean in two parts, hi + lo, and the sum of squares
// about it, M2 (part [tiles, 3, C]). Tiles are joined by their distances dₜ from the first tile's hi: μ = hi₀ + d̄, d̄ = Σ rowsₜ·dₜ/M, and
// M2 = Σ (M2ₜ + rowsₜ·(dₜ − d̄)²) (Chan, Golub and LeVeque 1979); all sums in the order of sum_of_group and with what rounding loses kept.
KERNEL norm_tiles(__global const float* restrict y, __global float* restrict part, int M, int C, int rows)
{
    __local float2 all[GROUP];
    const int t = get_local_id(0), tile = get_group_id(0), own = get_group_id(1) * COLUMN + t % COLUMN, c = own < C ? own : C - 1;
    const int first = tile * rows, end = first + rows < M ? first + rows : M;
    float2 sum = (float2)(0, 0), rest = (float2)(0, 0), squares = (float2)(0, 0);
    float v[AHEAD];
    for (int m = first + t / COLUMN; m < end; m += AHEAD * LANES)
    {
        LOAD_AHEAD(v, y, m, LANES, end, C, c)
        EACH_AHEAD(i)
            sum = add(sum, m + i * LANES < end ? v[i] : 0);
    }
    sum = sum_of_lanes(sum, all);
    const float count = (float)(end - first), hi = (sum.x + sum.y) / count;
    for (int m = first + t / COLUMN; m < end; m += AHEAD * LANES)
    {
        LOAD_AHEAD(v, y, m, LANES, end, C, c)
        EACH_AHEAD(i)
        {
            const float distance = m + i * LANES < end ? v[i] - hi : 0;
            rest = add(rest, distance);
            squares = add(squares, distance * distance);
        }
    }
    rest = sum_of_lanes(rest, all);
    squares = sum_of_lanes(squares, all);
    const float lo = (rest.x + rest.y) / count;
    if (t < COLUMN && own < C)
    {
        part[(tile * 3 + 0) * C + c] = hi;
        part[(tile * 3 + 1) * C + c] = lo;
        part[(tile * 3 + 2) * C + c] = FMA(-count * lo, lo, squares.x + squares.y);
    }
}

KERNEL norm_statistics(__global const float* restrict part, __global float* restrict norms, int meanAt, int varianceAt, int inverseAt, int M, int C, int rows, float epsilon)
{
    __local float2 all[GROUP];
    const int c = get_group_id(0), tiles = (M + rows - 1) / rows, last = M - (tiles - 1) * rows; // rows of the last tile
    const float base = part[c];
    float2 sum = (float2)(0, 0), squares = (float2)(0, 0);
    float hi[AHEAD], lo[AHEAD], m2[AHEAD];
    for (int tile = get_local_id(0); tile < tiles; tile += AHEAD * GROUP)
    {
        LOAD_AHEAD(hi, part, tile, GROUP, tiles, 3 * C, c)
        LOAD_AHEAD(lo, part, tile, GROUP, tiles, 3 * C, C + c)
        EACH_AHEAD(i)
            sum = add(sum, tile + i * GROUP < tiles ? (hi[i] - base + lo[i]) * (float)(tile + i * GROUP < tiles - 1 ? rows : last) : 0);
    }
    sum = sum_of_group(sum, all);
    const float mean = (sum.x + sum.y) / (float)M;
    for (int tile = get_local_id(0); tile < tiles; tile += AHEAD * GROUP)
    {
        LOAD_AHEAD(hi, part, tile, GROUP, tiles, 3 * C, c)
        LOAD_AHEAD(lo, part, tile, GROUP, tiles, 3 * C, C + c)
        LOAD_AHEAD(m2, part, tile, GROUP, tiles, 3 * C, 2 * C + c)
        EACH_AHEAD(i)
        {
            const float distance = hi[i] - base + lo[i] - mean, count = (float)(tile + i * GROUP < tiles - 1 ? rows : last);
            squares = add(squares, tile + i * GROUP < tiles ? FMA(distance * distance, count, m2[i]) : 0);
        }
    }
    squares = sum_of_group(squares, all);
    if (get_local_id(0) == 0)
    {
        const float variance = (squares.x + squares.y) / (float)M;
        norms[meanAt + c] = base + mean;
        norms[varianceAt + c] = variance;
        norms[inverseAt + c] = 1 / SQRT(variance + epsilon);
    }
}

KERNEL norm_moving(__global const float* restrict parameters, int movingMeanAt, int movingVarianceAt, __global float* restrict norms, int meanAt, int inverseAt, int C, float epsilon)
{
    if (ELEMENT >= C)
        return;
    norms[meanAt + ELEMENT] = parameters[movingMeanAt + ELEMENT];
    norms[inverseAt + ELEMENT] = 1 / SQRT(parameters[movingVarianceAt + ELEMENT] + epsilon);
}

KERNEL norm_forward(__global const float* restrict y, __global const float* restrict norms, int meanAt, int inverseAt,
    __global const float* restrict parameters, int gammaAt, int betaAt, __global float* restrict z, int count, int C)
{
    EACH_ELEMENT(e, count)
    {
        const int c = e % C;
        z[e] = FMA((y[e] - norms[meanAt + c]) * norms[inverseAt + c], parameters[gammaAt + c], parameters[betaAt + c]);
    }
}

// part[tile] = (Σ dz·x̂ [C], Σ dz [C]) over the tile's rows.
KERNEL norm_backward_tiles(__global const float* restrict y, __global const float* restrict dz, __global const float* restrict norms, int meanAt, int inverseAt,
    __global float* restrict part, int M, int C, int rows)
{
    __local float2 all[GROUP];
    const int t = get_local_id(0), tile = get_group_id(0), own = get_group_id(1) * COLUMN + t % COLUMN, c = own < C ? own : C - 1;
    const int first = tile * rows, end = first + rows < M ? first + rows : M;
    const float mean = norms[meanAt + c], inverse = norms[inverseAt + c];
    float2 scaled = (float2)(0, 0), sum = (float2)(0, 0);
    float v[AHEAD], g[AHEAD];
    for (int m = first + t / COLUMN; m < end; m += AHEAD * LANES)
    {
        LOAD_AHEAD(v, y, m, LANES, end, C, c)
        LOAD_AHEAD(g, dz, m, LANES, end, C, c)
        EACH_AHEAD(i)
        {
            const float gradient = m + i * LANES < end ? g[i] : 0;
            scaled = add(scaled, gradient * ((v[i] - mean) * inverse));
            sum = add(sum, gradient);
        }
    }
    scaled = sum_of_lanes(scaled, all);
    sum = sum_of_lanes(sum, all);
    if (t < COLUMN && own < C)
    {
        part[tile * 2 * C + c] = scaled.x + scaled.y;
        part[tile * 2 * C + C + c] = sum.x + sum.y;
    }
}

// d: dz before, the gradient in front of the ReLU after.
KERNEL norm_backward(__global const float* restrict y, __global float* restrict d, __global const float* restrict norms, int meanAt, int inverseAt,
    __global const float* restrict parameters, int gammaAt, __global const float* restrict gradients, int M, int C, int frozen)
{
    EACH_ELEMENT(e, M * C)
    {
        const int c = e % C;
        const float inverse = norms[inverseAt + c], normalized = (y[e] - norms[meanAt + c]) * inverse;
        const float shared = frozen ? 0 : FMA(normalized, gradients[gammaAt + c], gradients[gammaAt + C + c]) / (float)M;
        d[e] = y[e] > 0 ? parameters[gammaAt + c] * inverse * (d[e] - shared) : 0;
    }
}
