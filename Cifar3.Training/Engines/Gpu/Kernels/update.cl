// What comes in, and the one launch that changes anything for good.
//   pixels_to_floats   x = pixel/255, rounded as a division rounds
//   update_parameters  Adam of every trained parameter, as Adam.cs: m += (g − m)·(1 − β₁); v += (g² − v)·(1 − β₂); w = w·keep − α·m/(√v + ε)
//                      and the moving statistics: moving += rest·(batch − moving)
//   update_moving      the moving statistics alone; rest 1: the batch's as they are, without what is lost beside larger old ones
// state: trainable parameters [T], moving statistics [S], m [T], v [T].   gradients [T]   norms: the batch's statistics [S], laid out as the moving ones
// kinds [T]: 0 = frozen, 1 = trained, 2 = trained with weight decay   rests [S]: 1 − momentum, 0 where frozen   unfrozen [S]: 1, 0 where frozen
KERNEL pixels_to_floats(__global const uchar* restrict pixels, __global float* restrict x, int count)
{
    EACH_ELEMENT(e, count)
    {
        const float pixel = (float)pixels[e], nearly = pixel * 0.00392156886f;
        x[e] = FMA(FMA(-255.0f, nearly, pixel), 0.00392156886f, nearly);
    }
}

KERNEL update_parameters(__global float* restrict state, __global const float* restrict gradients, __global const uchar* restrict kinds,
    __global const float* restrict norms, __global const float* restrict rests, int T, int S, float stepSize, float keep, float rest1, float rest2, float epsilon)
{
    const int e = ELEMENT;
    if (e < T && kinds[e] != 0)
    {
        const int mAt = T + S + e, vAt = mAt + T;
        const float g = gradients[e], m = FMA(g - state[mAt], rest1, state[mAt]), v = FMA(FMA(g, g, -state[vAt]), rest2, state[vAt]);
        state[mAt] = m;
        state[vAt] = v;
        state[e] = FMA(-stepSize, m / (SQRT(v) + epsilon), kinds[e] == 2 ? state[e] * keep : state[e]);
    }
    if (e >= T && e < T + S && rests[e - T] != 0)
        state[e] = FMA(rests[e - T], norms[e - T] - state[e], state[e]);
}

KERNEL update_moving(__global float* restrict state, __global const float* restrict norms, __global const uchar* restrict unfrozen, int T, int S, float rest)
{
    if (ELEMENT < S && unfrozen[ELEMENT])
        state[T + ELEMENT] = rest == 1 ? norms[ELEMENT] : FMA(rest, norms[ELEMENT] - state[T + ELEMENT], state[T + ELEMENT]);
}
