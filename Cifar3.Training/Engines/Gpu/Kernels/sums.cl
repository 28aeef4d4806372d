// Sums that a tensor's gradient is made of, in a fixed order and with what rounding loses kept (add, common.cl).
//   column_tiles   part[tile][k] = Σ_m g[m][k], m the tile's rows, rising               g [M, K], part [tiles, K]; a bias' gradient
//   sum_columns    to[at + k] = Σ_tile part[tile][k]                                    few columns, many tiles: a work-group each
//   sum_slices     to[at + e] = Σ_slice part[slice][e], slices rising                   many elements, few slices: a work-item each; a kernel's gradient
KERNEL column_tiles(__global const float* restrict g, __global float* restrict part, int M, int K, int rows)
{
    const int tile = ELEMENT / K, k = ELEMENT % K, end = tile * rows + rows < M ? tile * rows + rows : M;
    float2 sum = (float2)(0, 0);
    for (int m = tile * rows; m < end; m++)
        sum = add(sum, g[m * K + k]);
    if (tile * rows < M)
        part[tile * K + k] = sum.x + sum.y;
}

KERNEL sum_columns(__global const float* restrict part, int tiles, int columns, __global float* restrict to, int at)
{
    __local float2 all[GROUP];
    const int column = get_group_id(0);
    float2 sum = (float2)(0, 0);
    for (int tile = get_local_id(0); tile < tiles; tile += GROUP)
        sum = add(sum, part[tile * columns + column]);
    sum = sum_of_group(sum, all);
    if (get_local_id(0) == 0)
        to[at + column] = sum.x + sum.y;
}

KERNEL sum_slices(__global const float* restrict part, int slices, int count, __global float* restrict to, int at)
{
    if (ELEMENT >= count)
        return;
    float2 sum = (float2)(0, 0);
    for (int slice = 0; slice < slices; slice++)
        sum = add(sum, part[slice * count + ELEMENT]);
    to[at + ELEMENT] = sum.x + sum.y;
}
