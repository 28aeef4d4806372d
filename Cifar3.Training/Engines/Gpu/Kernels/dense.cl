// The last layer: logits, softmax, cross-entropy, and back.
//   dense_forward           logits[n][k] = Σ_f x[n][f]·w[f][k] + bias[k]: work-item t adds f = t, t + 64, …, one fused multiply-add each, then sum_of_group
//   softmax_loss            p = softmax(logits); loss = Σ t·(ln Σ exp(logits) − logits); dlogits = (p·Σ t − t)/N; t the targets, or 1 for the label
//                           as (eₖ·Σ' t − tₖ·Σ' e)/(N·Σ e), e = exp(logits − the largest), Σ' the sum of the others, so that nothing cancels: an image that is
//                           certain but for 1e-9 has a gradient of 1e-9, not 0. Likewise the loss, by ln(1 + r)
//   dense_backward_weights  dw[f][k] = Σ_n x[n][f]·dlogits[n][k], dbias[k] = Σ_n dlogits[n][k]: a work-group for each f, work-item t adds n = t, t + 64, …, then sum_of_group
//   dense_backward_input    dx[n][f] = Σ_k dlogits[n][k]·w[f][k], k rising
// x, dx [N, F]   logits, dlogits, targets [N, K]   w [F, K] and bias [K] in parameters (side by side), their gradients in gradients
// results: the losses [N], then the probabilities [N, K], read back together.
KERNEL dense_forward(__global const float* restrict x, __global const float* restrict parameters, int kernelAt, __global float* restrict logits, int F, int K)
{
    __local float2 all[GROUP];
    const int n = get_group_id(0), k = get_group_id(1);
    float own = 0;
    for (int f = get_local_id(0); f < F; f += GROUP)
        own = FMA(x[n * F + f], parameters[kernelAt + f * K + k], own);
    const float2 sum = sum_of_group((float2)(own, 0), all);
    if (get_local_id(0) == 0)
        logits[n * K + k] = sum.x + sum.y + parameters[kernelAt + F * K + k];
}

#define TARGET(k) (hasTargets ? targets[n * K + (k)] : (k) == labels[n] ? 1.0f : 0.0f)

KERNEL softmax_loss(__global const float* restrict logits, __global const int* restrict labels, __global const float* restrict targets, int hasTargets,
    __global float* restrict results, __global float* restrict dlogits, int N, int K)
{
    const int n = ELEMENT;
    if (n >= N)
        return;
    int top = 0, aim = 0; // where the largest logit and the largest target are
    for (int k = 1; k < K; k++)
    {
        top = logits[n * K + k] > logits[n * K + top] ? k : top;
        aim = TARGET(k) > TARGET(aim) ? k : aim;
    }
    const float largest = logits[n * K + top];
    float rest = 0, loss = 0, targetRest = 0; // sums of all but those
    for (int k = 0; k < K; k++)
    {
        rest += k == top ? 0 : exp_of(logits[n * K + k] - largest);
        targetRest += k == aim ? 0 : TARGET(k);
    }
    const float sum = 1 + rest, total = TARGET(aim) + targetRest, log_sum = log_of_1_plus(rest);
    for (int k = 0; k < K; k++)
    {
        const float e = exp_of(logits[n * K + k] - largest), target = TARGET(k);
        const float others = k == top ? rest : sum - e, otherTargets = k == aim ? targetRest : total - target;
        loss = FMA(target, log_sum - (logits[n * K + k] - largest), loss);
        results[N + n * K + k] = e / sum;
        dlogits[n * K + k] = FMA(e, otherTargets, -(target * others)) / sum / (float)N;
    }
    results[n] = loss;
}

KERNEL dense_backward_weights(__global const float* restrict x, __global const float* restrict dlogits, __global float* restrict gradients, int kernelAt, int N, int F, int K)
{
    __local float2 all[GROUP];
    const int f = get_group_id(0); // F: the bias, which lies behind the kernel's last row
    for (int k = 0; k < K; k++)
    {
        float2 sum = (float2)(0, 0);
        for (int n = get_local_id(0); n < N; n += GROUP)
        {
            const float feature = x[n * F + (f < F ? f : 0)];
            sum = add(sum, (f < F ? feature : 1) * dlogits[n * K + k]);
        }
        sum = sum_of_group(sum, all);
        if (get_local_id(0) == 0)
            gradients[kernelAt + f * K + k] = sum.x + sum.y;
    }
}

KERNEL dense_backward_input(__global const float* restrict dlogits, __global const float* restrict parameters, int kernelAt, __global float* restrict dx, int N, int F, int K)
{
    const int n = ELEMENT / F, f = ELEMENT % F;
    if (n >= N)
        return;
    float sum = 0;
    for (int k = 0; k < K; k++)
        sum = FMA(dlogits[n * K + k], parameters[kernelAt + f * K + k], sum);
    dx[n * F + f] = sum;
}
