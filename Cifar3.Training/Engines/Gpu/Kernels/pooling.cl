// Max-pooling 2×2, then dropout: p = mask·scale·max of the window, and back. scale = 1/(1 − rate).
//   y, dy [N, H, W, C] behind a ReLU   p, dp, routes [N, H/2, W/2, C]; an odd last row or column of y is left out and gets no gradient.
// routes: which of the window's four (0 to 3, row by row; the first of equals) the gradient goes to; 4 = none: dropped, or held by the ReLU.
// The mask is a pure function of (seed, step, layer, element), the same in every engine (DropoutMask.cs): Philox4x32-10, 16 bits an element.
static inline uint philox_half_word(uint element, uint stepLow, uint stepHigh, uint seed, uint layer)
{
    uint c0 = element / 8, c1 = 0, c2 = stepLow, c3 = stepHigh, k0 = seed, k1 = layer;
    for (int round = 0; round < 10; round++)
    {
        const ulong p0 = (ulong)0xD2511F53u * c0, p1 = (ulong)0xCD9E8D57u * c2;
        c0 = (uint)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint)p1;
        c2 = (uint)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    const uint half_word = element % 8, word = half_word < 2 ? c0 : half_word < 4 ? c1 : half_word < 6 ? c2 : c3;
    return half_word % 2 == 0 ? word & 0xFFFF : word >> 16;
}

KERNEL pool_forward(__global const float* restrict y, __global float* restrict p, __global uchar* restrict routes,
    int N, int H, int W, int C, int seed, int stepLow, int stepHigh, int layer, int threshold, float scale)
{
    const int PH = H / 2, PW = W / 2;
    EACH_ELEMENT(e, N * PH * PW * C)
    {
        const int c = e % C, px = e / C % PW, py = e / (C * PW) % PH, image = e / (C * PW * PH);
        const int at = ((image * H + 2 * py) * W + 2 * px) * C + c;
        float largest = y[at];
        int route = 0;
        for (int i = 1; i < 4; i++)
        {
            const float value = y[at + ((i >> 1) * W + (i & 1)) * C];
            const int larger = value > largest || value != value; // NaN stays: it must show in the loss
            route = larger ? i : route;
            largest = larger ? value : largest;
        }
        const int keep = threshold == 0 || (int)philox_half_word((uint)e, (uint)stepLow, (uint)stepHigh, (uint)seed, (uint)layer) >= threshold;
        p[e] = keep ? largest * scale : 0;
        routes[e] = keep && largest > 0 ? route : 4;
    }
}

KERNEL pool_backward(__global const float* restrict dp, __global const uchar* restrict routes, __global float* restrict dy, int N, int H, int W, int C, float scale)
{
    const int PH = H / 2, PW = W / 2, RH = (H + 1) / 2, RW = (W + 1) / 2; // windows, and with those that hang over the border
    EACH_ELEMENT(e, N * RH * RW * C)
    {
        const int c = e % C, x = e / C % RW, y = e / (C * RW) % RH, image = e / (C * RW * RH), at = ((image * H + 2 * y) * W + 2 * x) * C + c;
        const int inside = y < PH && x < PW, pooled = inside ? ((image * PH + y) * PW + x) * C + c : 0;
        const int route = inside ? routes[pooled] : 4;
        const float gradient = dp[pooled] * scale;
        for (int i = 0; i < 4; i++)
            if (2 * y + (i >> 1) < H && 2 * x + (i & 1) < W)
                dy[at + ((i >> 1) * W + (i & 1)) * C] = i == route ? gradient : 0;
    }
}
