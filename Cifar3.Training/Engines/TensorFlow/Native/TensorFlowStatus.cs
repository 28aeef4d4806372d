using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Cifar3.Training;

/// <summary><c>TF_Status*</c>: how a call ended. A failed one becomes a <see cref="TensorFlowException"/> with TensorFlow's words.</summary>
internal sealed unsafe partial class TensorFlowStatus : TensorFlowHandle
{
    public static TensorFlowStatus Create() => TensorFlowApi.TF_NewStatus();

    /// <summary>Throws when the call failed.</summary>
    /// <param name="what">What was asked for, as in "TensorFlow refused …".</param>
    /// <param name="operatorName">The operator it was about; null takes the first that TensorFlow's message names.</param>
    public void ThrowIfFailed(string what, string? operatorName = null)
    {
        int code = TensorFlowApi.TF_GetCode(this);
        if (code == 0)
        {
            return;
        }

        string message = Marshal.PtrToStringUTF8((nint)TensorFlowApi.TF_Message(this)) ?? "";
        throw TensorFlowException.Refused(what, operatorName ?? OperatorIn(message), code, message);
    }

    protected override bool ReleaseHandle()
    {
        TensorFlowApi.TF_DeleteStatus(handle);
        return true;
    }

    /// <summary>The operator that a run-time message is about: TensorFlow ends it with <c>[[{{node train/loss}}]]</c> or says <c>Node: 'train/loss'</c>.</summary>
    internal static string? OperatorIn(string message)
    {
        var match = NodePattern().Match(message);
        return match.Success ? match.Groups[1].Value : null;
    }

    [GeneratedRegex(@"(?:\{\{(?:function_)?node |[Nn]ode:? '|placeholder tensor '|feed_devices or fetch_devices: |Tensor |tensor )([A-Za-z0-9.][\w.\-/]*)")]
    private static partial Regex NodePattern();
}
