using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Cifar3.Training;

/// <summary><c>TF_Status*</c>: how a call ended. A failed one becomes a <see cref="TensorFlowException"/> with TensorFlow's words.</summary>
internal sealed unsafe partial class TensorFlowStatus : TensorFlowHandle
{
    public static TensorFlowStatus Create() => TensorFlowApi.TF_NewStatus();

    public bool HasFailed => TensorFlowApi.TF_GetCode(this) != 0;

    /// <summary>Throws when the call failed.</summary>
    /// <param name="what">What was asked for, as in "TensorFlow refused …".</param>
    /// <param name="operatorName">The operator it was about where TensorFlow's message names none.</param>
    public void ThrowIfFailed(string what, string? operatorName = null)
    {
        int code = TensorFlowApi.TF_GetCode(this);
        if (code == 0)
        {
            return;
        }

        string message = Marshal.PtrToStringUTF8((nint)TensorFlowApi.TF_Message(this)) ?? "";
        throw TensorFlowException.Refused(what, OperatorIn(message) ?? operatorName, code, message);
    }

    protected override bool ReleaseHandle()
    {
        TensorFlowApi.TF_DeleteStatus(handle);
        return true;
    }

    /// <summary>The operator that a run-time message is about: <c>[[{{node train/loss}}]]</c>, or <c>Node: 'train/loss'</c> in older versions.</summary>
    internal static string? OperatorIn(string message)
    {
        var match = NodePattern().Match(message);
        return match.Success ? match.Groups[1].Value : null;
    }

    [GeneratedRegex(@"(?:\{\{(?:function_)?node |\b[Nn]ode: ')([A-Za-z0-9.][\w.\-/]*)")]
    private static partial Regex NodePattern();
}
