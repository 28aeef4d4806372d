// Sums that a tensor's gradient is made of, in a fixed order and with what rounding loses kept (add, common.cl).
//   sum_columns    to[at + k] = Σ_tile part[tile][k]                                    few columns, many tiles: a work-group each
//   sum_slices     to[at + e] = Σ_slice part[slice][e]                                  many elements: a work-group for 16; the gradients of a kernel and its bias
KERNEL sum_columns(__global const float* restrict part, int tiles, int columns, __global float* restrict to, int at)
{
    __local float2 all[GROUP];
    const int column = get_group_id(0);
    float2 sum = (float2)(0, 0);
    float v[AHEAD];
    for (int tile = get_local_id(0); tile < tiles; tile += AHEAD * GROUP)
    {
        LOAD_AHEAD(v, part, tile, GROUP, tiles, columns, column)
        EACH_AHEAD(i)
            sum = add(sum, tile + i * GROUP < tiles ? v[i] : 0);
    }
    sum = sum_of_group(sum, all);
    if (get_local_id(0) == 0)
        to[at + column] = sum.x + sum.y;
}

KERNEL sum_slices(__global const float* restrict part, int slices, int count, __global float* restrict to, int at)
{
    __local float2 all[GROUP];
    const int t = get_local_id(0), own = get_group_id(0) * COLUMN + t % COLUMN, e = own < count ? own : count - 1;
    float2 sum = (float2)(0, 0);
    float v[AHEAD];
    for (int slice = t / COLUMN; slice < slices; slice += AHEAD * LANES)
    {
        LOAD_AHEAD(v, part, slice, LANES, slices, count, e)
        EACH_AHEAD(i)
            sum = add(sum, slice + i * LANES < slices ? v[i] : 0);
    }
    sum = sum_of_lanes(sum, all);
    if (t < COLUMN && own < count)
        to[at + own] = sum.x + sum.y;
}
